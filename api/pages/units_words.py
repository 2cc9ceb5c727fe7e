"""Words of the page of the unit grids, English and Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Unit grids", "单元网格"),
    "unit": ("Unit grid", "单元网格"),
    "count": ("{n} units · {verdict}", "{n} 个 · {verdict}"),
    "passed": ("certificate passed", "质检通过"),
    "failed": ("certificate not passed", "质检未通过"),
    "certificate": ("Certificate", "质检"),
    "sheet": ("Certificate and legend", "质检与图例"),
    "units": ("Unit grids", "单元网格"),
    "communities": ("Communities", "社区"),
    "of_units": ("{n}", "{n} 个"),
    "total": ("Total area", "总面积"),
    "km2": ("{n} km²", "{n} 平方公里"),
    "m2": ("{n} m²", "{n} 平方米"),
    "mean": ("Mean area", "平均面积"),
    "in_band": ("In the area band, of units", "面积达标（个数）"),
    "in_band_area": ("In the area band, of area", "面积达标（面积）"),
    "mean_compactness": ("Mean compactness", "平均紧凑度"),
    "faults": ("Faults", "错误"),
    "notices": ("Notices", "提示"),
    "none": ("none", "无"),
    "legend": ("Area of a unit, m²", "单元面积（平方米）"),
    "road": ("road land", "道路用地"),
    "fault": ("fault", "质检问题"),
    "faults_layer": ("Faults", "质检问题"),
    "band": (
        "The band is {low} to {high} m². Click the map for a unit; with the keyboard Enter asks at its middle.",
        "面积限 {low} 至 {high} 平方米；点击地图查看单元，键盘可用回车查询地图中心。",
    ),
    "code": ("Code", "编码"),
    "community": ("Community", "社区"),
    "area_m2": ("Area, m²", "面积（平方米）"),
    "width_m": ("Width 2A/P, m", "宽度 2A/P（米）"),
    "compactness": ("Compactness 4πA/P²", "紧凑度 4πA/P²"),
    "findings": ("Findings", "质检"),
    "what": ("Finding", "问题"),
    "one": ("Unit", "单元"),
    "other": ("Other", "对方"),
    "why": ("Why", "说明"),
    "no_unit": ("There is no unit grid here.", "此处没有单元网格。"),
    # kinds of findings
    "kind.invalid": ("invalid geometry", "几何无效"),
    "kind.parts": ("several parts", "多部件"),
    "kind.gap": ("gap", "缝隙"),
    "kind.overlap": ("overlap", "重叠"),
    "kind.over_community": ("across communities", "跨社区"),
    "kind.beyond": ("beyond its community", "超出社区范围"),
    "kind.difference": ("areas differ", "面积不符"),
    "kind.node": ("node missing on a shared side", "邻边缺节点"),
    "kind.code": ("wrong code", "编码错误"),
    "kind.order": ("wrong order", "顺序错误"),
    "kind.parent": ("wrong parent", "上级区划不符"),
    "kind.area_band": ("outside the area band", "面积超限"),
    "kind.narrow": ("narrow", "过窄"),
    "kind.ragged": ("ragged shape", "形状不规整"),
    "kind.barrier": ("cut by a main road or river", "被干道河流分割"),
}
"""Words by key: English, Chinese."""


def words(lang: str) -> dict[str, str]:
    """All words of the page in a language, ``en`` or ``zh``."""
    return {key: both[lang == "zh"] for key, both in WORDS.items()}
