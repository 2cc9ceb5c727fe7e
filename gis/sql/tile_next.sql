-- When a row of a dated table begins or ends to hold next, null for never. Part: {table}. Index: none, the whole table.
SELECT min(t.at)
FROM (
    SELECT valid_from AS at FROM {table} WHERE replaced_at = 'infinity'
    UNION ALL
    SELECT valid_to FROM {table} WHERE replaced_at = 'infinity'
) t
WHERE t.at > now() AND t.at < 'infinity'
