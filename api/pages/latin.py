"""Chinese place names in Latin letters: the name in pinyin without tones, what the thing is in English.

So street signs and maps of the country have it for readers from abroad (Jiefang North Road, Yanhu District); a name
that the city gives itself in English goes before it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pypinyin import lazy_pinyin

KINDS = {
    "高新技术产业开发区": "High-tech Development Zone", "经济技术开发区": "Economic and Technological Development Zone",
    "经济开发区": "Economic Development Zone", "开发区": "Development Zone", "街道办事处": "Subdistrict",
    "绕城高速": "Ring Expressway", "高速公路": "Expressway", "虚拟社区": "Virtual Community",
    "火车站": "Railway Station",
    "街道": "Subdistrict", "社区": "Community", "片区": "Area", "新区": "New Area", "大道": "Avenue", "大街": "Street",
    "高速": "Expressway", "公路": "Highway", "胡同": "Hutong", "铁路": "Railway", "路桥": "Road Bridge",
    "街桥": "Street Bridge", "大桥": "Bridge", "水库": "Reservoir", "公园": "Park", "广场": "Square",
    "医院": "Hospital",
    "小学": "Primary School", "中学": "Middle School", "大学": "University", "区": "District", "县": "County",
    "市": "City", "镇": "Town", "乡": "Township", "村": "Village", "路": "Road", "街": "Street", "巷": "Lane",
    "桥": "Bridge", "河": "River", "渠": "Canal", "湖": "Lake", "江": "River", "站": "Station",
}  # fmt: skip
"""What a name ends with, the longest first, and what that is."""
NATURE = "河湖江渠"
"""After a single sign these belong to the name: Yanhu Lake, not Yan Lake."""
SIDES = {"东": "East", "西": "West", "南": "South", "北": "North", "中": "Middle"}
_CHINESE = re.compile(r"[\u3400-\u9fff]+")


@lru_cache(maxsize=100_000)
def english(name: str) -> str:
    """A Chinese name for English readers; other names as they are.

    Examples
    --------
    >>> english("盐湖区"), english("解放北路"), english("盐湖"), english("西环路")
    ('Yanhu District', 'Jiefang North Road', 'Yanhu Lake', 'Xihuan Road')
    >>> english("西安市"), english("凤凰社区"), english("Elm Street"), english("5号路")
    ("Xi'an City", 'Fenghuang Community', 'Elm Street', '5 Hao Road')
    """
    if not _CHINESE.search(name):
        return name
    for ending, what in KINDS.items():
        stem = name.removesuffix(ending)
        if stem and stem != name:
            if len(stem) == 1 and ending in NATURE:
                stem = name
            side = SIDES.get(stem[-1], "") if what in ("Road", "Street", "Avenue") and len(stem) > 2 else ""
            if stem[-1] == "中" and what == "Area" and len(stem) == 1:
                return "Central Area"
            return " ".join(part for part in (_spelt(stem[:-1] if side else stem), side, what) if part)
    return _spelt(name)


def _spelt(text: str) -> str:
    """Pinyin, one word for what is written together."""
    words = _CHINESE.sub(lambda found: f" {_word(found[0])} ", text)
    return " ".join(words.split())


def _word(signs: str) -> str:
    parts = lazy_pinyin(signs)
    joined = parts[0] + "".join("'" + part if part[0] in "aeo" else part for part in parts[1:])
    return joined[0].upper() + joined[1:]
