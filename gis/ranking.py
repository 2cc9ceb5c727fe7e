"""The candidates of an answer in their order: the winner first, each other one with why it lost."""

from __future__ import annotations

from typing import Any

from gis.decide import RULE
from gis.wording import Words

Candidate = dict[str, Any]
"""One who could have had the case: department, probability, rule, evidence, why_lost (None for the winner)."""


class Ranking:
    """Puts candidates in order, in the words of a language."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._lost: dict[tuple[str, str, bool], str] = {}

    def __call__(
        self,
        found: list[dict[str, Any]],
        told: dict[str, Any],
        only: list[dict[str, Any]] | None,
        by_locality: bool,
    ) -> list[dict[str, Any]]:
        """Candidates with the winner first; each loser says why it lost.

        ``only``: those by zones that say so, where such a zone decided; else None.
        """
        rule, code = told["rule"], told["owner"] and told["owner"]["department"]
        begins = self._words.of["zone"].split("%s")[0] + f"{told['zone']['code']} " if told["zone"] else ""
        won = None
        for at, f in enumerate(found):
            if f["why_lost"] is not None:
                continue
            if won is None and f["rule"] == rule and f["department"] == code and f["evidence"].startswith(begins):
                won = at
            elif only is not None and not any(f is one for one in only):
                f["why_lost"] = self._words("lost_only")
            else:
                key = f["rule"], rule, by_locality
                f["why_lost"] = self._lost.get(key) or self._lost.setdefault(key, self._why_lost(*key))
        return [found[won], *found[:won], *found[won + 1 :]] if won else found

    def _why_lost(self, rule: str, winner: str, by_locality: bool) -> str:
        say = self._words
        both = say.rule[winner], say.rule[rule]
        if rule == winner == "component_nearest":
            return say("lost_nearer")
        if rule == winner == "territory":
            return say("lost_territory")
        if rule.startswith("zone") and winner.startswith("zone"):
            return say("lost_zone")
        if by_locality and winner.startswith("zone") and rule.startswith("component"):
            return say("lost_locality", *both)
        if RULE[rule] > RULE[winner] or (by_locality and winner.startswith("component") and rule == "territory"):
            return say("lost_rule", *both)
        return say("lost_nobody")
