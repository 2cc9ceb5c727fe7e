"""The service's lines of what is wrong as pages say them: patterns of the English ones, and what they are in Chinese.

The lines themselves are English everywhere, for whoever writes programs and reads logs. What a planner meets is here;
a part that is not stays as it is. A line is ``field: what; right``, several are joined by ``|``. The pages' script
does the same as `said` with what `patterns` gives (``wanmi.inWords``).
"""

from __future__ import annotations

import re
from functools import cache

FIELDS = {
    "class": "类别", "class filter": "类别", "department": "部门", "channel": "渠道", "area": "区域",
    "from": "起始日期", "to": "截止日期", "versus_from": "对比起始日期", "versus_to": "对比截止日期",
    "bandwidth_m": "带宽", "bin_days": "时间段", "cells": "统计单元", "cell_m": "方格边长", "method": "方法",
    "exposure": "基数", "reach_m": "邻近距离", "least": "最少案件数", "runs": "模拟次数",
    "level": "显著性水平", "spot": "热点", "at": "时间", "known_at": "截至时间", "lon": "经度", "lat": "纬度",
    "accuracy_m": "定位误差", "component": "部件", "unit": "单元网格", "view": "地图视图", "lang": "语言",
    "theme": "主题", "layers": "图层", "step": "步长", "database": "数据库", "snapshot": "城市快照",
    "city": "城市", "format": "格式",
}  # fmt: skip
"""Names of fields and parts as a line begins with them; what follows one in the line's head stays."""

PARTS = (
    (r"(.+) is no class or group of classes", "{0} 不是类别，也不是类别组"),
    (r"(.+) is no class", "{0} 不是类别"),
    (r"(.+) is not in the catalogue", "类别目录中没有 {0}"),
    (r"class (.+) is unknown", "没有类别 {0}"),
    (r"(.+) has (\d+) class digits, edition (.+) has (\d+)", "{0} 是 {1} 位类别编码，{2} 版应为 {3} 位"),
    (r"of another edition it is (.+)", "在另一版中为 {0}"),
    (r"editions are (.+)", "现有版本：{0}"),
    (r"did you mean (.+)\?", "是否为 {0}？"),
    (r"write \*, C, 2026:E, 2026:E06 or 2026:E06010", "可写 *、C、2026:E、2026:E06 或 2026:E06010"),
    (r"write 2026-07-01 or 2026-07-01T08:30\+08:00", "请写作 2026-07-01 或 2026-07-01T08:30+08:00"),
    (r"(.+) is not a department of the record", "没有部门 {0}"),
    (r"(.+) is not a channel of the record", "没有渠道 {0}"),
    (r"one of none: there is none", "目前没有可选项"),
    (r"one of (.+)", "可选：{0}"),
    (r"no set of areas (.+)", "没有名为 {0} 的区域集"),
    (r"SET:CODE or SET, of the sets (.+)", "写作“区域集:编码”或“区域集”，现有区域集：{0}"),
    (r"no area (.+) in the set (.+)", "区域集 {1} 中没有 {0}"),
    (r"a code of the set (.+)", "请用区域集 {0} 中的编码"),
    (r"from (.+) is not before to (.+)", "起始日期 {0} 不早于截止日期 {1}"),
    (r"the end is excluded", "截止日当天不计入"),
    (r"(.+) lies in the future, and no case is recorded after it", "{0} 尚未到来，此后没有案件"),
    (r"the year of (.+) is not between (\d+) and (\d+)", "{0} 的年份不在 {1} 至 {2} 之间"),
    (r"(.+) is no time", "{0} 不是时间"),
    (r"(\d+) bins? of (\d+) days? in the period", "时段内有 {0} 个时间段（每段 {1} 天）"),
    (r"(\d+) to (\d+): another period, or other bins", "应为 {0} 至 {1} 个：请换时段，或换每段天数"),
    (r"(\d+) months? in the period", "时段内有 {0} 个月"),
    (r"(\d+) or more: or shorter bins", "至少 {0} 个，或缩短时间段"),
    (r"the two periods overlap", "两个时段有重叠"),
    (r"an open period", "时段未填完整"),
    (r"say both, or neither", "起止日期须同时填写，或都不填"),
    (r"no period", "没有时段"),
    (r"say from and to: they are held against the time before", "请填写起止日期，将与此前同样长的时间对比"),
    (r"([-\d.e+]+) to ([-\d.e+]+) metres", "应为 {0} 至 {1} 米"),
    (r"([-\d.e+]+) to ([-\d.e+]+) cases", "应为 {0} 至 {1} 件"),
    (r"([-\d.e+]+) to ([-\d.e+]+) days", "应为 {0} 至 {1} 天"),
    (r"([-\d.e+]+) to ([-\d.e+]+)(?: bins)?", "应为 {0} 至 {1}"),
    (r"is missing", "未填写"),
    (r"(.+) is wrong, (?:it is no number|input should be a valid (?:number|integer).*)", "{0} 不是数字"),
    (r"(.+) is wrong, input should be greater than or equal to (.+)", "{0} 过小，不得小于 {1}"),
    (r"(.+) is wrong, input should be less than or equal to (.+)", "{0} 过大，不得大于 {1}"),
    (r"(.+) is wrong, string should have at most (\d+) characters", "{0} 过长，至多 {1} 个字"),
    (r"no hotspot (.+) under this filter", "当前筛选下没有热点 {0}"),
    (r"its id depends on the filter: ask (.+)", "热点编号随筛选条件而变，见 {0}"),
    (r"(.+) is no view", "{0} 不是地图视图"),
    (r"zoom/latitude/longitude: 15\.5/35\.02/111\.0", "应写作 缩放级别/纬度/经度：15.5/35.02/111.0"),
    (r"(.+) is no language of this page", "页面没有语言 {0}"),
    (r"(.+) is no theme", "没有主题 {0}"),
    (r"there is no unit (.+) at (.+)", "{1} 时没有单元网格 {0}"),
    (r"the city has no unit grids", "本市还没有单元网格"),
    (r"load (?:some|them): (wanmi load units.*)", "请先载入：{0}"),
    (r"there is nothing at (.+)", "{0} 处没有内容"),
    (r"/docs lists what there is", "/docs 列有全部内容"),
    (r"no connection: (.+)", "连接不上：{0}"),
    (r"is it up\? \(wanmi db status\)", "请检查数据库是否已启动（wanmi db status）"),
    (r"the database does not answer", "数据库没有响应"),
    (r"the snapshot is being built", "正在生成"),
    (r"the whole city is being read, as after each start", "服务刚启动，正在读入全市数据"),
    (r"this page opens by itself", "读完后本页会自动打开"),
    (r"try again in (?:a moment|some seconds)|try again soon|try again", "请稍后再试"),
    (r"and (\d+) more", "另有 {0} 处"),
)
"""What a part of a line says, whole, and what it is in Chinese; the first that fits holds."""


def patterns(lang: str) -> dict[str, object]:
    """What the pages' script says lines of a language with; nothing for English."""
    return {"fields": FIELDS, "parts": PARTS} if lang == "zh" else {}


def said(line: str, lang: str) -> str:
    """A line of the service in a language of the pages; parts that have no words there stay.

    Examples
    --------
    >>> said("bandwidth_m: 5; 10 to 5000 metres", "zh")
    '带宽：5；应为 10 至 5000 米'
    >>> said("class: 'E99' is no class or group of classes; did you mean 2026:E09?", "zh")
    "类别：'E99' 不是类别，也不是类别组；是否为 2026:E09？"
    """
    if lang != "zh":
        return line
    return " | ".join(_one(one) for one in line.split(" | "))


def _one(line: str) -> str:
    head, colon, rest = line.partition(": ")
    name, _, which = head.partition(" ")
    field = FIELDS.get(head) or FIELDS.get(name)
    if not (colon and field):
        return "；".join(map(_part, line.split("; ")))
    beside = f" {which}" if which and head not in FIELDS else ""
    return f"{field}{beside}：" + "；".join(map(_part, rest.split("; ")))


def _part(text: str) -> str:
    for pattern, zh in _compiled():
        if found := pattern.fullmatch(text):
            return zh.format(*found.groups())
    return text


@cache
def _compiled() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), zh) for pattern, zh in PARTS]
