-- State that each layer was in at an instant, by what has been recorded of its changes.
-- Parameter: known_at. Columns: layer; state, uuid as text, null when it was not there yet; when it was changed last until
--   then; whether a change was under way then, which no instant tells apart; when it was changed next, null for never.
-- Index: none, a row for each load and layer.
SELECT DISTINCT ON (c.layer)
    c.layer, CASE WHEN NOT c.later THEN c.state::text END AS state, c.changed_at,
    bool_or(c.begun) OVER (PARTITION BY c.layer) AS under_way,
    min(c.begun_at) FILTER (WHERE c.later) OVER (PARTITION BY c.layer) AS next
FROM (
    SELECT layer, state, changed_at, begun_at, changed_at > %(known_at)s AS later,
        begun_at <= %(known_at)s AND %(known_at)s < changed_at AS begun
    FROM (
        SELECT layer, state, begun_at, changed_at FROM wanmi.layer_changes
        UNION ALL
        SELECT layer, state, changed_at, changed_at FROM wanmi.layer_states s
        WHERE layer <> 'record' AND NOT EXISTS (
            SELECT FROM wanmi.layer_changes c WHERE (c.layer, c.state) = (s.layer, s.state)
        )
    ) told
) c
ORDER BY c.layer, c.later, c.changed_at DESC
