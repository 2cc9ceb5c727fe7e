-- Removes the answers of cases that get new ones: the latest answer stands.
-- Part: {staged}, with case_id. Index: the primary key of answers, or a hash join. Up to hundred thousands of rows.
DELETE FROM wanmi.answers a USING {staged} s WHERE a.case_id = s.case_id
