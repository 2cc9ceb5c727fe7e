-- Writes staged rows into a table without validity: new keys are added, different rows replaced.
-- Parts: {target}, {staged}; {columns}, all written ones; {key}; {values}, the columns beside the key;
--   {changes}, "column = excluded.column, …"; {old} and {new}, the values of both sides.
-- Index: the primary key of {target}. Hundreds to millions of rows.
-- Returns one row: inserted, changed.
WITH written AS (
    INSERT INTO {target} AS t ({columns})
    SELECT {columns} FROM {staged}
    ON CONFLICT ({key}) DO UPDATE SET {changes}
    WHERE ({old}) IS DISTINCT FROM ({new})
    RETURNING t.xmax = 0 AS fresh
)
SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM written
