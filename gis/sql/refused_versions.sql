-- Planned rows that would contradict the record. Part: {planned}.
-- Columns: row, column at fault, its value, why. A handful of rows.
SELECT row, 'valid_to', ends::text,
    CASE WHEN ends <= begins
        THEN 'is not after ' || begins::text || ', when the recorded version begins'
        ELSE 'is after ' || next_from::text || ', when the next recorded version begins'
    END
FROM {planned}
WHERE action = 'refused'
ORDER BY row
