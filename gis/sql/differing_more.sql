-- Adds the staged rows of things of which another row differs: that one may end what these repeat.
-- Parts: {differing}; {staged}; {key}, "d.c = s.c AND …". Index: none, two hash joins.
INSERT INTO {differing}
SELECT s.*, false AS fresh
FROM {staged} s
WHERE EXISTS (SELECT FROM {differing} d WHERE {key} AND NOT d.fresh)
  AND NOT EXISTS (SELECT FROM {differing} d WHERE d.row = s.row)
