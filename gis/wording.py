"""The sentences of an answer, in English and in Chinese, side by side.

Each is a template for ``%``; both languages take the same values in the same order. Codes, names and class texts are
never translated. Who writes answers and who checks them take their sentences from here, so that they are compared
word by word.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

LANGUAGES = ("en", "zh")

SENTENCES: dict[str, tuple[str, str]] = {
    # key: English, Chinese
    "no_location": ("no usable location: %s", "没有可用的位置：%s"),
    "missing": ("missing", "缺失"),
    "default_point": ("default_point", "系统默认点"),
    "wrong_datum": ("wrong_datum", "坐标系不符"),
    # evidence of components
    "named_gone": (
        "component %s is named but was not there at that instant",
        "案件指明部件 %s，但该部件当时不存在",
    ),
    "named": ("component %s is named", "案件指明部件 %s"),
    "component": ("component %s", "部件 %s"),
    "component_nobody": ("the component has no department", "该部件没有责任部门"),
    "no_component_class": (
        "the class is not about a component: none is looked for",
        "该类别不是部件类，不查找部件",
    ),
    "components_near": ("%d component(s) of the class within %g m", "该类别的部件有 %d 个在 %g 米以内"),
    "component_at": ("component %s at %.3f m, which it %s", "部件 %s，距离 %.3f 米，该部门是其%s"),
    "supervising": ("supervises", "主管单位"),
    "owning": ("owns", "权属单位"),
    "maintaining": ("maintains", "养护单位"),
    "disposing": ("disposes of", "处置单位"),
    # departments
    "department_ended": ("ended %s", "已于 %s 撤销"),
    "department_begins": ("begins %s", "于 %s 才设立"),
    "department_never": ("was never there", "从未设立"),
    "stands": ("%s, above it, stands for it", "由其上级 %s 代行"),
    "nobody_stands": ("nobody above it was there either", "其上级当时也不存在"),
    "absence": ("department %s %s; %s", "部门 %s %s；%s"),
    "not_there": ("its department is not there then, nor any above it", "其部门当时不存在，上级也不存在"),
    "says_never": ("zone %s says never: %s is not asked here", "责任区 %s 规定不得派给 %s"),
    "lost_never": ("never here: zone %s", "此处不得派给：责任区 %s"),
    # evidence of zones
    "zones_cover": ("%d zone(s) cover the place", "有 %d 个责任区覆盖该位置"),
    "zone": ("zone %s %s (%s%s%s, %.0f m²%s)", "责任区 %s %s（%s%s%s，%.0f 平方米%s）"),
    "says_only": ("says only, ", "专属，"),
    "ranked": ("rank %d, ", "优先级 %d，"),
    "level_0": ("names the class itself", "指明该小类"),
    "level_1": ("names its major class", "指明其大类"),
    "level_2": ("names its kind", "指明其种类"),
    "level_3": ("takes everything", "不分类别"),
    "on_border": (", the place is on its border", "，位置在其边界上"),
    "zone_not_class": ("it takes %s, not this class", "该区受理 %s，不受理该类别"),
    "zone_duty": ("its duty there is %s, the class asks for %s", "其在该处的职责为%s，该类别要求%s"),
    "duty_supervising": ("supervising", "主管"),
    "duty_owning": ("owning", "权属"),
    "duty_maintaining": ("maintaining", "养护"),
    "duty_disposing": ("disposing", "处置"),
    "zone_not_then": ("not valid then: it holds%s", "当时无效：其有效期%s"),
    "from": (" from %s", "自 %s 起"),
    "until": (" until %s", "至 %s 止"),
    # the territory
    "no_area": ("no area of the territory covers the place", "没有属地区域覆盖该位置"),
    "competent": ("competent department of class %s", "类别 %s 的主管部门"),
    "area": ("%s %s", "%s %s"),
    # why a candidate lost
    "lost_nearer": ("another component is nearer", "另一部件更近"),
    "lost_territory": ("a nearer duty comes first in the territory", "属地中更近的责任在先"),
    "lost_zone": (
        "a zone before it: by rank, narrower filter, line before area, size, code",
        "另一责任区在先：依次按优先级、类别范围窄者、线先于面、面积小者、编码",
    ),
    "lost_only": ("a zone that says only decides before everything else", "专属责任区先于其他一切"),
    "lost_locality": (
        "rule %s comes before %s: the class's rule says locality first",
        "规则 %s 先于 %s：该类别规定属地优先",
    ),
    "lost_rule": ("rule %s comes before %s", "规则 %s 先于 %s"),
    "lost_nobody": ("it names no department", "其没有指明部门"),
    # ground nearby
    "near_component": ("component %s nearby", "附近的部件 %s"),
    "near_zone": ("zone %s %s nearby", "附近的责任区 %s %s"),
    "near_area": ("%s %s nearby", "附近的 %s %s"),
    "near_begins": ("its ground begins %.1f m away", "其范围始于 %.1f 米之外"),
    "near_elsewhere": ("its ground does not cover the place", "其范围不覆盖该位置"),
    # the last line
    "outside": ("outside the territory: nobody is responsible", "在属地范围之外：无人负责"),
    "unowned": ("the territory names no department", "属地没有指明责任部门"),
    "owner": ("%s by rule %s%s", "%s，依据规则 %s%s"),
    "on_edge": (
        "; the place lies exactly on a border, where the lower code wins",
        "；该位置正好在边界上，编码小者负责",
    ),
}

QUESTIONS: dict[str, tuple[str, str]] = {
    "side": ("Which side of %s is it?", "在%s的哪一侧？"),
    "on": ("Is it on %s, or beside it?", "在%s上，还是在旁边？"),
    "either": ("Is it in %s or in %s?", "在%s，还是在%s？"),
    "inside": ("Is it inside %s?", "在%s的范围内吗？"),
    "component": ("Is it about component %s?", "是不是部件%s？"),
    "components": ("Which component is it: %s or %s?", "是哪个部件：%s，还是%s？"),
    "where": ("Where exactly is it? The place is known to %g m only.", "具体在什么位置？目前位置只精确到%g米。"),
}
"""What to ask where an owner is doubtful; an answer tells it in both languages."""

RULE_NAMES: dict[str, tuple[str, str]] = {
    "unowned": ("unowned", "无主"),
    "component_named": ("component_named", "指明部件"),
    "component_nearest": ("component_nearest", "最近部件"),
    "zone_line": ("zone_line", "线状责任区"),
    "zone_area": ("zone_area", "面状责任区"),
    "territory": ("territory", "属地兜底"),
    "no_location": ("no_location", "无位置"),
    "outside": ("outside", "属地之外"),
}
"""How the sentences name the rules; the field ``rule`` keeps the names of `gis.model.RULES`."""


class Words:
    """The sentences of one language: an attribute for each key, `rule` for the names of the rules."""

    def __init__(self, language: str) -> None:
        at = LANGUAGES.index(language)
        self.language = language
        self.of = MappingProxyType({key: both[at] for key, both in SENTENCES.items()})
        self.rule = MappingProxyType({key: both[at] for key, both in RULE_NAMES.items()})

    def __call__(self, key: str, *values: Any) -> str:
        """Sentence of a key with its values."""
        return self.of[key] % values if values else self.of[key]


WORDS = MappingProxyType({language: Words(language) for language in LANGUAGES})
