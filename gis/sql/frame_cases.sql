-- Cases in order of their number, from after one number on.
-- Parameters: after, number or null for the beginning; count, or null for all; open, true for those that are not closed
--   or have no answer yet; ids, numbers of those to read, or null. Columns as in gis.layers, place as x and y (metres), null for none.
-- Index: the primary keys of cases and answers. Up to millions of rows.
SELECT t.id, t.edition || ':' || t.kind || t.class_code AS class, t.component, t.no_location, t.accuracy_m, t.channel,
    t.reported_at AT TIME ZONE 'UTC' AS reported_at, t.filed_at AT TIME ZONE 'UTC' AS filed_at,
    t.due_at AT TIME ZONE 'UTC' AS due_at, t.closed_at AT TIME ZONE 'UTC' AS closed_at,
    t.status, t.department, t.returns, t.address, t.description, ST_X(t.geom) AS x, ST_Y(t.geom) AS y
FROM wanmi.cases t
WHERE (%(after)s::text IS NULL OR t.id > %(after)s)
  AND (%(ids)s::text[] IS NULL OR t.id = ANY (%(ids)s))
  AND (NOT %(open)s OR t.closed_at IS NULL OR NOT EXISTS (SELECT FROM wanmi.answers a WHERE a.case_id = t.id))
ORDER BY t.id
LIMIT %(count)s
