-- State of every layer that tiles are drawn from, as text. No parameters. Some twenty rows.
SELECT layer, state::text FROM wanmi.layer_states
UNION ALL
SELECT 'ground:' || layer, change::text FROM wanmi.ground_states
