-- Which cases count: the condition {wanted} of the questions about cases c and their answers a.
-- Parameters: classes text[] of edition:kind+code, departments, channels text[], null for all; begin, end instants,
--   half-open, null for open; within, without text[] of set or set:code, null for none, with at, instant of those
--   areas, null for now; known_at, null for now: cases recorded until then, areas as known then.
-- Index: cases_reported_at; cases_geom, driven from the areas.
    (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
    AND (%(known_at)s::timestamptz IS NULL OR c.recorded_at <= %(known_at)s)
    AND (%(classes)s::text[] IS NULL OR (c.edition || ':' || c.kind || c.class_code) = ANY (%(classes)s::text[]))
    AND (%(channels)s::text[] IS NULL OR c.channel = ANY (%(channels)s::text[]))
    AND (%(departments)s::text[] IS NULL OR a.department = ANY (%(departments)s::text[]))
    AND (%(within)s::text[] IS NULL OR c.id IN (
        SELECT i.id
        FROM wanmi.areas w
        CROSS JOIN LATERAL (SELECT id FROM wanmi.cases WHERE ST_Covers(w.geom, geom) OFFSET 0) i
        WHERE ARRAY[w.set, w.set || ':' || w.code] && %(within)s::text[]
            AND w.valid_from <= coalesce(%(at)s::timestamptz, now())
            AND coalesce(%(at)s::timestamptz, now()) < w.valid_to
            AND w.recorded_at <= coalesce(%(known_at)s::timestamptz, now())
            AND coalesce(%(known_at)s::timestamptz, now()) < w.replaced_at
    ))
    AND (%(without)s::text[] IS NULL OR c.id NOT IN (
        SELECT i.id
        FROM wanmi.areas w
        CROSS JOIN LATERAL (SELECT id FROM wanmi.cases WHERE ST_Covers(w.geom, geom) OFFSET 0) i
        WHERE ARRAY[w.set, w.set || ':' || w.code] && %(without)s::text[]
            AND w.valid_from <= coalesce(%(at)s::timestamptz, now())
            AND coalesce(%(at)s::timestamptz, now()) < w.valid_to
            AND w.recorded_at <= coalesce(%(known_at)s::timestamptz, now())
            AND coalesce(%(known_at)s::timestamptz, now()) < w.replaced_at
    ))
