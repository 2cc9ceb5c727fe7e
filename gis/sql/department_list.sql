-- Departments at an instant, as known at another. Parameters: at, known_at (null: now).
-- Size: some hundreds.
SELECT code, name, parent, kind, phone, valid_from::text, valid_to::text
FROM wanmi.departments
WHERE valid_from <= %(at)s AND %(at)s < valid_to
    AND recorded_at <= coalesce(%(known_at)s::timestamptz, now())
    AND coalesce(%(known_at)s::timestamptz, now()) < replaced_at
ORDER BY code
