-- In which turns rows of known things differ: a thing told several times comes in as many turns, in order of time.
-- Part: {differing}. Usually one row.
SELECT DISTINCT turn FROM {differing} WHERE NOT fresh ORDER BY turn
