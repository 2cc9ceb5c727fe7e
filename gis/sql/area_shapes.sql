-- Areas of all sets at an instant, as known at another.
-- Parameters: at, known_at (null: now). Columns: set, code, name, geometry as WKB (the city's SRID). Size: some hundreds.
SELECT set, code, coalesce(name, ''), ST_AsBinary(geom)
FROM wanmi.areas
WHERE valid_from <= %(at)s AND %(at)s < valid_to
    AND recorded_at <= coalesce(%(known_at)s::timestamptz, now())
    AND coalesce(%(known_at)s::timestamptz, now()) < replaced_at
ORDER BY set, code
