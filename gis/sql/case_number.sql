-- The next number of a case that comes in without one. No parameters. One row.
SELECT nextval('wanmi.case_number')
