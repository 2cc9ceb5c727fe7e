-- A vector tile of one layer, with a layer `notice` when not all of what lies in the tile is shown.
-- Parts: {rows}, a question with the columns web (EPSG:3857; null: too small a thing for the zoom), weight, key (order:
--   heaviest first) and attributes;
--   {attributes}, their names. Parameters: layer; z, x, y; box, WKB of the part of the tile (with its margin) that the city
--   covers; cap, most features; and those of {rows}.
-- Columns: the tile; features shown; features in the tile. Index: that of {rows}. Size: one row.
WITH tile AS MATERIALIZED (
    SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS edge
), inside AS MATERIALIZED (
    {rows}
), drawn AS MATERIALIZED (
    SELECT i.*, ST_AsMVTGeom(i.web, (SELECT edge FROM tile), 4096, 64, true) AS geom
    FROM (SELECT * FROM inside WHERE web IS NOT NULL ORDER BY weight DESC, key LIMIT %(cap)s) i
), shown AS MATERIALIZED (
    SELECT {attributes}, geom FROM drawn WHERE geom IS NOT NULL ORDER BY key
), counted AS (
    SELECT
        (SELECT count(*) FROM shown) AS shown,
        (SELECT count(*) FROM shown)
        + (SELECT count(*) FROM inside) - (SELECT count(*) FROM drawn)
        + (SELECT count(*) FROM drawn WHERE geom IS NULL AND ST_Intersects(web, (SELECT edge FROM tile))) AS total
)
SELECT
    coalesce((SELECT ST_AsMVT(shown.*, %(layer)s, 4096, 'geom') FROM shown), ''::bytea)
    || coalesce((
        SELECT ST_AsMVT(notice.*, 'notice', 4096, 'geom')
        FROM (
            SELECT %(layer)s AS layer, c.shown, c.total,
                ST_AsMVTGeom(ST_Centroid(edge), edge, 4096, 64, true) AS geom
            FROM counted c, tile
            WHERE c.total > c.shown
        ) notice
        HAVING count(*) > 0
    ), ''::bytea),
    (SELECT shown FROM counted),
    (SELECT total FROM counted)
