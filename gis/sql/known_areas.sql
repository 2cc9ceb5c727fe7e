-- Codes of each area set, sets without areas included. No parameters; a handful of rows of up to thousands of codes.
SELECT s.set, coalesce(array_agg(c.code) FILTER (WHERE c.code IS NOT NULL), '{{}}')
FROM wanmi.area_sets s
LEFT JOIN wanmi.area_codes c ON c.set = s.set
GROUP BY s.set
