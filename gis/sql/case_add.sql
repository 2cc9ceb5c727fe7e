-- Records a case that comes in by itself; no row comes back when its number is taken.
-- Parameters: the columns; x, y metres in the city's CRS, null for no place; srid.
INSERT INTO wanmi.cases (
    id, edition, kind, class_code, component, geom, no_location, accuracy_m, channel, reported_at, status,
    address, description
) VALUES (
    %(id)s, %(edition)s, %(kind)s, %(class_code)s, %(component)s,
    ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s), %(no_location)s, %(accuracy_m)s, %(channel)s,
    %(reported_at)s, 'reported', %(address)s, %(description)s
)
ON CONFLICT (id) DO NOTHING
RETURNING id
