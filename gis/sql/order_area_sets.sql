-- Gives each area set its place in the order of fallback (属地兜底), and none to the others.
-- Parameters: territory, names of the sets, smallest first. A handful of rows.
UPDATE wanmi.area_sets s
SET position = array_position(%(territory)s::text[], s.set) - 1
WHERE s.position IS DISTINCT FROM array_position(%(territory)s::text[], s.set) - 1
