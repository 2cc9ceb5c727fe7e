-- Records the answer for one case. Parameters: the columns. The latest answer stands.
INSERT INTO wanmi.answers (
    case_id, snapshot, at, unit, areas, department, rule, reason, component, distance_m, zone, on_edge,
    probability, ask_first
) VALUES (
    %(case_id)s, %(snapshot)s, %(at)s, %(unit)s, %(areas)s, %(department)s, %(rule)s, %(reason)s,
    %(component)s, %(distance_m)s, %(zone)s, %(on_edge)s, %(probability)s, %(ask_first)s
)
