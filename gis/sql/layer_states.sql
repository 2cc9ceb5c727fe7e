-- State of each layer that answers rest on, as uuid; and when any of them changed last. No parameters; nine rows.
SELECT layer, state::text, max(changed_at) FILTER (WHERE layer <> 'record') OVER () FROM wanmi.layer_states
ORDER BY layer
