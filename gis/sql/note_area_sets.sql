-- Adds area sets that are new, with their place in the order of fallback (属地兜底).
-- Parameters: sets, names; territory, names of the sets, smallest first.
INSERT INTO wanmi.area_sets (set, position)
SELECT name, array_position(%(territory)s::text[], name) - 1
FROM unnest(%(sets)s::text[]) AS name
ON CONFLICT (set) DO NOTHING
