-- When the record learned its first row; null while it has none. No parameters, one row.
-- Index: none, the whole of each dated table: up to millions of components, some 50 ms for each million.
SELECT least(
    (SELECT min(recorded_at) FROM wanmi.areas),
    (SELECT min(recorded_at) FROM wanmi.departments),
    (SELECT min(recorded_at) FROM wanmi.rules),
    (SELECT min(recorded_at) FROM wanmi.zones),
    (SELECT min(recorded_at) FROM wanmi.units),
    (SELECT min(recorded_at) FROM wanmi.components)
)
