-- Writes the single row of the city; what is unchanged stays as it was recorded.
-- Parameters: one for each column.
INSERT INTO wanmi.city AS c
    (key, name, srid, time_zone, west, south, east, north, default_points, codes, edition, territory, accuracy_m,
     ask_below)
VALUES
    (%(key)s, %(name)s, %(srid)s, %(time_zone)s, %(west)s, %(south)s, %(east)s, %(north)s,
     %(default_points)s::jsonb, %(codes)s, %(edition)s, %(territory)s::text[],
     %(accuracy_m)s::jsonb, %(ask_below)s)
ON CONFLICT (one) DO UPDATE SET
    name = excluded.name, time_zone = excluded.time_zone,
    west = excluded.west, south = excluded.south, east = excluded.east, north = excluded.north,
    default_points = excluded.default_points, codes = excluded.codes, edition = excluded.edition,
    territory = excluded.territory, accuracy_m = excluded.accuracy_m, ask_below = excluded.ask_below,
    recorded_at = excluded.recorded_at
WHERE (c.name, c.time_zone, c.west, c.south, c.east, c.north, c.default_points, c.codes, c.edition, c.territory,
       c.accuracy_m, c.ask_below)
   IS DISTINCT FROM
      (excluded.name, excluded.time_zone, excluded.west, excluded.south, excluded.east, excluded.north,
       excluded.default_points, excluded.codes, excluded.edition, excluded.territory,
       excluded.accuracy_m, excluded.ask_below)
