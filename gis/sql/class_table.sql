-- The class catalogue of the record: all editions and the city's own classes. No parameters. Size: under 2,000.
SELECT edition, kind, code, major_code, major_name, minor_code, name_zh, name_en, source
FROM wanmi.classes
ORDER BY edition, kind, code
