-- A vector tile of one layer, with a layer `notice` when not all of what lies in the tile is shown.
-- Parts: {rows}, a question with the columns web (EPSG:3857; null: too small a thing for the zoom), weight, key and
--   attributes, not more rows than may be drawn and one; {attributes}, their names.
-- Parameters: layer; z, x, y; beyond, rows that are in the tile and not among {rows}; and those of {rows}.
-- Columns: the tile; features shown; features in the tile; rows read. Index: that of {rows}. Size: one row.
WITH tile AS MATERIALIZED (
    SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS edge
), drawn AS MATERIALIZED (
    SELECT {attributes}, i.key AS "~key", m.geom AS "~geom",
        m.geom IS NULL AND (i.web IS NULL OR ST_Intersects(i.web, tile.edge)) AS "~lost"
    FROM {rows} i
    CROSS JOIN tile
    CROSS JOIN LATERAL (SELECT ST_AsMVTGeom(i.web, tile.edge, 4096, 64, true) AS geom OFFSET 0) m
), counted AS MATERIALIZED (
    SELECT count(*) AS rows, count("~geom") AS shown,
        count("~geom") + count(*) FILTER (WHERE "~lost") + %(beyond)s AS total
    FROM drawn
)
SELECT
    coalesce((
        SELECT ST_AsMVT(s.*, %(layer)s, 4096, 'geom')
        FROM (SELECT {attributes}, "~geom" AS geom FROM drawn WHERE "~geom" IS NOT NULL ORDER BY "~key") s
    ), ''::bytea)
    || coalesce((
        SELECT ST_AsMVT(n.*, 'notice', 4096, 'geom')
        FROM (
            SELECT %(layer)s AS layer, c.shown, c.total,
                ST_AsMVTGeom(ST_Centroid(edge), edge, 4096, 64, true) AS geom
            FROM counted c, tile
            WHERE c.total > c.shown
        ) n
        HAVING count(*) > 0
    ), ''::bytea),
    c.shown, c.total, c.rows
FROM counted c
