-- Are there answers to cases that get no new one? Part: {staged}, with case_id. One row: true or false.
-- Index: none, one hash join. Up to hundred thousands of rows.
SELECT EXISTS (
    SELECT FROM wanmi.answers a WHERE NOT EXISTS (SELECT FROM {staged} s WHERE s.case_id = a.case_id)
)
