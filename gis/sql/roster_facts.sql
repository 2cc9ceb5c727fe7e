-- Tiers of chiefs that the city has at any time, when the first roster was recorded, and whether one is known.
-- Parameter: known_at (null: as known now). One row: tiers, first, any.
SELECT
    coalesce(array_agg(DISTINCT tier) FILTER (WHERE kind = 'chief' AND tier IS NOT NULL AND believed), '{{}}') AS tiers,
    min(recorded_at) AS first,
    coalesce(bool_or(believed), false) AS any
FROM (
    SELECT kind, tier, recorded_at,
        %(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
        OR coalesce(recorded_at <= %(known_at)s AND %(known_at)s < replaced_at, false) AS believed
    FROM wanmi.rosters
) told
