-- Area sets with their place in the order of fallback (属地兜底), 0 smallest. No parameters; a handful of rows.
SELECT t.set, t.position FROM wanmi.area_sets t ORDER BY t.position, t.set
