-- Which units, zones and roads are on record. Parameters: kinds, codes (arrays in pairs). Columns: kind, code.
-- Index: units_pkey, zones_pkey, ground_pkey. As many rows as are found.
SELECT asked.kind, asked.code
FROM (SELECT DISTINCT * FROM unnest(%(kinds)s::text[], %(codes)s::text[]) AS pair (kind, code)) asked
WHERE asked.kind = 'unit' AND EXISTS (SELECT FROM wanmi.units u WHERE u.code = asked.code)
   OR asked.kind = 'zone' AND EXISTS (SELECT FROM wanmi.zones z WHERE z.code = asked.code)
   OR asked.kind = 'road' AND EXISTS (SELECT FROM wanmi.ground g WHERE g.layer = 'roads' AND g.code = asked.code)
