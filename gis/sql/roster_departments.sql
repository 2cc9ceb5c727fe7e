-- Names and duty telephones of departments. Parameters: codes, at, known_at (null: as known now). Columns: code, name,
-- phone. Index: departments_pkey. A handful of rows.
SELECT code, name, coalesce(phone, '')
FROM wanmi.departments
WHERE code = ANY (%(codes)s)
  AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
  AND valid_from <= %(at)s AND %(at)s < valid_to
