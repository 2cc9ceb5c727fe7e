-- The class catalogue, with the classes of the city's own. No parameters; columns as in data/classes.csv; some hundreds.
SELECT edition, kind, code, major_code, major_name, minor_code, name_zh, name_en, source FROM wanmi.classes
ORDER BY edition, kind, code
