-- Adds codes of areas that others name as their parents, in a set that has no areas yet.
-- Part: {staged}.
INSERT INTO wanmi.area_codes (set, code)
SELECT DISTINCT parent_set, parent FROM {staged} WHERE parent IS NOT NULL
ON CONFLICT (set, code) DO NOTHING
