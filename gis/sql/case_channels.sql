-- Channels by which cases came. No parameters. Index: none, the whole table; some ten rows.
SELECT DISTINCT channel FROM wanmi.cases WHERE channel <> '' ORDER BY channel
