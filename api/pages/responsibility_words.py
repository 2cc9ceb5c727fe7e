"""Words of the responsibility page, English and Chinese."""

from __future__ import annotations

from gis.wording import RULE_NAMES

WORDS: dict[str, tuple[str, str]] = {
    # the form
    "title": ("Who is responsible", "责任查询"),
    "class": ("What kind of problem", "类别"),
    "class_hint": ("Type a name or code: manhole, 井盖, C01001", "输入名称或编码：井盖、C01001、manhole"),
    "any_class": ("any (no class)", "不限类别"),
    "edition": ("Edition", "版本"),
    "place": ("Where", "地点"),
    "place_hint": ("longitude, latitude – or a unit code", "经度, 纬度，或单元网格编码"),
    "when": ("When", "时间"),
    "now": ("Now", "现在"),
    "ask": ("Ask", "查询"),
    "more": ("Accuracy, as known at", "定位精度、知悉时间"),
    "accuracy": ("Accuracy of the place, metres", "定位精度（米）"),
    "known": ("As known at", "按何时所知"),
    "more_help": (
        "Accuracy: the radius that holds 68 % of the true places. As known at: leave it empty for what is known now. "
        "Times are those of {zone}.",
        "定位精度：真实位置有 68% 落在此半径内。按何时所知：留空即按现在所知。时间为 {zone} 当地时间。",
    ),
    "component": ("component", "部件"),
    "event": ("event", "事件"),
    "everything": ("everything", "一切"),
    "all_components": ("all components", "全部部件"),
    "all_events": ("all events", "全部事件"),
    "and_more": ("{some} and {n} more", "{some} 等另 {n} 类"),
    "no_class_found": ("no class is called so", "没有这样的类别"),
    "more_classes": ("{n} more; type on", "还有 {n} 个，请继续输入"),
    # before the first answer
    "start": (
        "Click the map, or type a place, to learn who is responsible there – for which kind of problem, and when.",
        "在地图上点一下，或输入地点，即可查询：此处、此类问题、此时由谁负责。",
    ),
    "start_keys": (
        "With the keyboard: arrows move the map, Enter asks at its middle.",
        "键盘操作：方向键移动地图，回车查询地图中心。",
    ),
    "map": ("Map: click to ask; with the keyboard, arrows and Enter", "地图：点击查询；键盘可用方向键和回车"),
    "asking": ("Asking …", "查询中……"),
    # the answer
    "owner": ("Responsible", "责任单位"),
    "nobody": ("Nobody", "无责任单位"),
    "call": ("Call {phone}", "拨打 {phone}"),
    "under": ("under {name}", "上级：{name}"),
    "ask_first": ("Ask first", "先问后派"),
    "ask_first_plain": (
        "The place is not known well enough to send the case without asking.",
        "定位不够准确，请先核实再派遣。",
    ),
    "why": ("Why", "依据"),
    "evidence": ("Evidence", "证据"),
    "on_edge": ("The place lies exactly on a border; the lower code wins.", "该点恰在边界上，按编码小者为准。"),
    "sure": ("How sure", "把握"),
    "sure_of": ("{share} that it is theirs", "{share} 的可能是该单位"),
    "no_doubt": ("No accuracy of the place is given, so nothing is said of doubt.", "未给定位精度，不作概率判断。"),
    "set_accuracy": ("Give an accuracy", "填写精度"),
    "nobody_share": ("nobody", "无人负责"),
    "joint": ("Together with", "协同单位"),
    "where": ("Where", "所在"),
    "unit": ("Unit grid", "单元网格"),
    "community": ("Community", "社区"),
    "street": ("Street", "街道"),
    "district": ("District", "区县"),
    "nearby": (" nearby", "（附近）"),
    "patrol": ("Patrol area", "巡查片区"),
    "accuracy_circle": ("Place, with its accuracy", "查询点及精度"),
    "winner_shape": ("What decided", "决定责任的区域或部件"),
    "other_shapes": ("Other candidates", "其他候选"),
    "changes": ("The answer would change here", "越过此处责任会变"),
    "change_line": ("{name} from {m} m away", "{m} 米外起归 {name}"),
    "losers": ("Considered, and why not", "未选中的候选及原因"),
    "no_losers": ("There was no other candidate.", "没有其他候选。"),
    "show": ("Show on the map", "在图上看"),
    "duty": ("On duty then", "当时值班"),
    "chain": ("Escalation", "逐级上报"),
    "after": ("after {n} h", "{n} 小时后"),
    "crew": ("and {n} more", "另有 {n} 人"),
    "tier": ("{n}", "{n}"),
    "tier.1": ("district level", "一级"),
    "tier.2": ("street level", "二级"),
    "tier.3": ("community level", "三级"),
    "kind.chief": ("street chief", "街长"),
    "kind.1+5": ("1+5 team", "“1+5”队伍"),
    "kind.patrol": ("patrol", "巡查"),
    "kind.enforcement": ("enforcement", "执法"),
    "role.chief": ("chief", "街长"),
    "role.deputy": ("deputy", "副手"),
    "role.leader": ("leader", "队长"),
    "role.patrol": ("patrol", "巡查员"),
    "role.enforcement": ("enforcement", "执法员"),
    "no_roster": ("No roster is loaded for this place and time.", "该地点此时没有值班表。"),
    "hole": ("Nobody is on the roster", "值班空缺"),
    "hole_span": ("from {from} to {to}", "{from} 至 {to} 无人值班"),
    "hole_next": ("next: {person} of {team}", "接班：{team} {person}"),
    "hole_nobody": ("nobody follows", "无人接班"),
    "always": ("always", "一直以来"),
    "for_good": ("for good", "以后"),
    "roster_away": ("Rosters cannot be read now.", "值班表暂时读不到。"),
    "shapes_away": ("Shapes and names cannot be read now; the answer stands.", "图形和名称暂时读不到；答复有效。"),
    "steps": ("Every step taken", "逐步过程"),
    "versions": ("Versions", "版本"),
    "snapshot": ("Snapshot", "快照"),
    "at": ("For the time", "查询时间"),
    "known_at": ("As known at", "所知时间"),
    "copy": ("Copy answer (JSON)", "复制答复（JSON）"),
    "download": ("Download answer", "下载答复"),
    "link": ("Copy link", "复制链接"),
    "copied": ("Copied", "已复制"),
    "not_copied": ("Could not copy: the browser does not let us", "浏览器不允许复制"),
    "prove": ("To replay it: wanmi prove {file} --snapshot F", "可重演核对：wanmi prove {file} --snapshot F"),
    # rules
    "rule.component_named": (
        "The case names a component: whoever has the duty for it is responsible.",
        "案件指明了部件：由负责该部件的单位承担。",
    ),
    "rule.component_nearest": (
        "The nearest component of this class decides: whoever has the duty for it is responsible.",
        "由最近的同类部件决定：负责该部件的单位承担。",
    ),
    "rule.zone_line": (
        "The place lies in a responsibility zone along a line (a road, a river), which takes this class.",
        "该点在线状责任区（道路、河道等）内，该责任区受理此类问题。",
    ),
    "rule.zone_area": (
        "The place lies in a responsibility zone that takes this class.",
        "该点在责任区内，该责任区受理此类问题。",
    ),
    "rule.territory": (
        "No component and no zone decides: the territory does (the class's competent department, else the area's own).",
        "没有部件或责任区决定，按属地兜底：有主管该类的单位由其承担，否则由所在区划承担。",
    ),
    "rule.unowned": (
        "The place lies in the city, but no rule names anybody.",
        "该点在辖区内，但没有任何规则指明责任单位。",
    ),
    "rule.outside": ("The place lies outside the city's territory.", "该点在辖区范围之外。"),
    "rule.no_location": ("There is no usable place.", "没有可用的位置。"),
    "only": (
        "The zone is exclusive: it decides before everything else.",
        "这是专属责任区，先于其他一切。",
    ),
    "reason.missing": ("The place is missing.", "缺少位置。"),
    "reason.default_point": (
        "This is a default point, which the source system writes when it knows no place.",
        "这是来源系统在不知位置时填写的默认点。",
    ),
    "reason.wrong_datum": (
        "The numbers cannot be this city's coordinates: another system, or longitude and latitude swapped.",
        "坐标不可能在本市：坐标系不符，或经纬度颠倒。",
    ),
    "short.component_named": ("named component", "指明部件"),
    "short.component_nearest": ("nearest component", "最近部件"),
    "short.zone_line": ("line zone", "线状责任区"),
    "short.zone_area": ("zone", "责任区"),
    "short.territory": ("territory", "属地"),
    # errors
    "fault.place": ("This is no place: {text}", "读不懂的地点：{text}"),
    "fault.place_right": (
        "write longitude, latitude in degrees (111.0034, 35.0263), or a unit grid code",
        "请写经度, 纬度（如 111.0034, 35.0263），或单元网格编码",
    ),
    "fault.several_units": ("Several units begin so; choose one:", "有多个单元以此开头，请选择："),
    "fault.no_unit": ("No unit grid has the code {text} then", "当时没有编码为 {text} 的单元网格"),
    "fault.422": ("{field}: this cannot be answered", "{field}：无法查询"),
    "fault.404": ("There is no such thing", "没有找到"),
    "fault.503": ("The service cannot answer now; try again in a moment", "服务暂时无法答复，请稍后再试"),
    "fault.other": ("The service has a fault ({status})", "服务出错（{status}）"),
    "fault.away": ("The service does not answer; is the network there?", "连不上服务，请检查网络"),
    "fault.late": (
        "The service has not answered for a minute: after a start it reads the city first",
        "服务一分钟内没有答复：刚启动时要先读入全市数据",
    ),
    "fault.stays": ("What is shown below is the earlier answer.", "下面仍是上一次的答复。"),
    "again": ("Try again", "重试"),
    "question": ("The question", "查询"),
}
"""Words by key: English, Chinese."""

FIELDS = {
    "lon": "place",
    "lat": "place",
    "lon, lat": "place",
    "class": "class",
    "at": "when",
    "known_at": "known",
    "accuracy_m": "accuracy",
}
"""What a field of a question is called in the form."""


def words(lang: str) -> dict[str, str]:
    """All words in a language, ``en`` or ``zh``; rules have the names that the engine's sentences give them."""
    said = {key: both[lang == "zh"] for key, both in WORDS.items()}
    return said | ({f"short.{rule}": name for rule, (_, name) in RULE_NAMES.items()} if lang == "zh" else {})
