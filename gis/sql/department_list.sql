-- Departments at an instant, as known now. Parameter: at. Size: some hundreds.
SELECT code, name, parent, kind, phone, valid_from::text, valid_to::text
FROM wanmi.departments
WHERE replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
ORDER BY code
