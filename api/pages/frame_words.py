"""Words of the frame, English and Chinese; pages have tables of their own."""

from __future__ import annotations

PAGES = {
    "/maps/hotspots": {"en": "Hotspots", "zh": "案件热点"},
    "/maps/responsibility": {"en": "Who is responsible", "zh": "责任查询"},
    "/maps/units": {"en": "Unit grids", "zh": "单元网格"},
    "/docs": {"en": "API", "zh": "接口文档"},
}
"""Pages that the bar leads to, with their names."""

WORDS: dict[str, tuple[str, str]] = {
    "wanmi": ("Wanmi", "万米"),
    "skip": ("Skip to the content", "跳到正文"),
    "pages": ("Pages", "页面"),
    "other_language": ("中文", "English"),
    "copy_link": ("Copy link", "复制链接"),
    "copied": ("Copied", "已复制"),
    "not_copied": ("This browser does not let the page copy; take the address above", "浏览器不允许复制，请用地址栏"),
    "theme": ("Theme", "主题"),
    "theme.auto": ("Auto", "自动"),
    "theme.light": ("Light", "浅色"),
    "theme.dark": ("Dark", "深色"),
    "sheet": ("Filters and figures", "筛选与统计"),
    "map": ("Map", "地图"),
    "map_keys": ("Map: arrows move it, plus and minus zoom", "地图：方向键移动，加减号缩放"),
    "zoom_in": ("Zoom in", "放大"),
    "zoom_out": ("Zoom out", "缩小"),
    "layers": ("Layers", "图层"),
    "base": ("Base map", "底图"),
    "own_base": ("Our own map", "自有底图"),
    "outside_base": ("Outside map", "外部底图"),
    "close": ("Close", "关闭"),
    "none": ("none", "无"),
    "away": (
        "The service does not answer. What the page has stays; the rest is missing until it is back.",
        "连不上服务。页面已有的内容保留，其余待恢复后显示。",
    ),
    "fault.503": ("The service cannot answer now", "服务暂时无法答复"),
    "fault.503.do": (
        "The database does not answer, or it is just starting. This page comes by itself when it is back; pages that "
        "are open keep what they show.",
        "数据库没有应答，或正在启动。恢复后本页会自动打开；已打开的页面会保留现有内容。",
    ),
    "fault.404": ("There is nothing to show", "没有可显示的内容"),
    "fault.404.do": ("The page, or the data that it needs, is not there.", "页面或其所需数据不存在。"),
    "fault.422": ("The address asks for what cannot be shown", "链接中的条件无法显示"),
    "fault.422.do": ("Something in the address is wrong; the line below says what.", "链接中有错误，详见下行说明。"),
    "fault.500": ("The service has a fault", "服务出错"),
    "fault.500.do": ("It is in the log of the service; the line below names it.", "详见服务日志；下行为简要说明。"),
    "plain": ("Open the page without conditions", "打开不带条件的页面"),
    "again": ("Try again", "重试"),
    "credit.demo": ("Wanmi demo city (invented)", "万米演示城市（虚构）"),
}
"""Words by key: English, Chinese."""


def words(lang: str) -> dict[str, str]:
    """All words of the frame in a language, ``en`` or ``zh``."""
    return {key: both[lang == "zh"] for key, both in WORDS.items()}
