-- Teams that a roster may turn to, as known now. No parameters. One row: teams, kinds of teams; some hundreds of each.
SELECT
    coalesce(array_agg(DISTINCT team), '{{}}'),
    coalesce(array_agg(DISTINCT kind) FILTER (WHERE kind IS NOT NULL), '{{}}')
FROM wanmi.rosters
WHERE replaced_at = 'infinity'
