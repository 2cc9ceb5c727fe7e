-- Reads the single row of the city. No parameters; columns as in gis.model.City.
SELECT
    key, name, srid, time_zone, west, south, east, north, default_points, codes, edition, territory,
    -- a database on its way to the newest step has no such columns yet
    COALESCE(to_jsonb(c) -> 'accuracy_m', jsonb_build_object()) AS accuracy_m,
    COALESCE((to_jsonb(c) ->> 'ask_below')::double precision, 0.8) AS ask_below
FROM wanmi.city c
