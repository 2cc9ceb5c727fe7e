-- Adds the classes of a city's own edition, which come with its rules; a changed name is taken over.
-- Parts: {staged}, rules. Parameter: catalogued, the editions that the catalogue gives.
INSERT INTO wanmi.classes AS c (edition, kind, code, name_zh, name_en, source)
SELECT edition, kind, class_code, coalesce(min(name), class_code), coalesce(min(name), class_code), 'the city''s own'
FROM {staged}
WHERE NOT edition = ANY (%(catalogued)s) AND class_code <> ''
GROUP BY edition, kind, class_code
ON CONFLICT (edition, kind, code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en
WHERE (c.name_zh, c.name_en) IS DISTINCT FROM (excluded.name_zh, excluded.name_en)
