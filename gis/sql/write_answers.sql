-- Writes staged answers; those that their cases had before are gone (forget_answers).
-- Part: {staged}, with the columns of wanmi.answers but answered_at. Up to hundred thousands of rows.
INSERT INTO wanmi.answers (
    case_id, snapshot, at, unit, areas, department, rule, reason, component, distance_m, zone, on_edge,
    probability, ask_first
)
SELECT case_id, snapshot, at, unit, areas, department, rule, reason, component, distance_m, zone, on_edge,
    probability, ask_first
FROM {staged}
