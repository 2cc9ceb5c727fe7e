-- Which staged rows say what the record does not hold yet; all others change nothing.
-- A row without a beginning speaks of the last version before its end; without an end it does not speak of the end.
-- Parts: {differing}, the table to make, with `fresh` true where the record knows nothing of the thing; {staged};
--   {target}; {keys}, its key columns; {key}, "k.c = s.c AND …"; {first}, one of the key columns of k;
--   {same}, "t.c = s.c AND …" of the key and "t.c IS NOT DISTINCT FROM s.c AND …" of the values; {when}, what must hold
--   of the times of t and s.
-- Index: none, two hash joins. Up to millions of rows.
CREATE TEMP TABLE {differing} ON COMMIT DROP AS
SELECT s.*, {first} IS NULL AS fresh
FROM {staged} s
LEFT JOIN (SELECT DISTINCT {keys} FROM {target}) k ON {key}
WHERE NOT EXISTS (SELECT FROM {target} t WHERE {same} AND {when})
