-- Cases with their latest answers, by number.
-- Parameters: ids text[]; known_at, instant until which they were recorded, null for now. Columns as named; x, y metres (the city's SRID). Index: cases_pkey. Size: the ids asked.
SELECT
    c.id, c.edition || ':' || c.kind || c.class_code AS class, c.component,
    ST_X(c.geom) AS x, ST_Y(c.geom) AS y, c.accuracy_m, c.channel, c.reported_at, c.filed_at, c.due_at,
    c.closed_at, c.status, c.department AS final_department, c.returns, c.address, c.description,
    a.snapshot, a.at, a.unit, a.areas, a.department, a.rule, a.reason, a.component AS found_component,
    a.distance_m, a.zone, a.on_edge, a.probability, a.ask_first, a.answered_at
FROM wanmi.cases c
LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.id = ANY (%(ids)s::text[])
    AND (%(known_at)s::timestamptz IS NULL OR c.recorded_at <= %(known_at)s)
ORDER BY c.id
