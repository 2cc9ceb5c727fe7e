-- Every department code ever recorded. No parameters; some hundreds of rows.
SELECT code FROM wanmi.department_codes
