-- Reads the single row of the city. No parameters; columns as in gis.model.City.
SELECT
    key, name, srid, time_zone, west, south, east, north, default_points, codes, edition, territory, accuracy_m,
    ask_below
FROM wanmi.city
