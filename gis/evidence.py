"""What an answer in full tells of departments: who stands for whom, whom a zone keeps out, who shares a duty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gis import decide
from gis.decide import NEVER
from gis.model import DUTIES
from gis.wording import Words


class Departments:
    """Departments and zones of a snapshot as plain lists, made once for many answers.

    Parameters
    ----------
    arrays
        Of the snapshot.
    code, zone
        Code of a department, of a zone, by position.
    instant
        Text of an instant in microseconds.
    words
        Sentences of a language.
    """

    def __init__(
        self,
        arrays: dict[str, NDArray],
        code: Callable[[int], str],
        zone: Callable[[int], str],
        instant: Callable[[int], str],
        words: Words,
    ) -> None:
        self.code, self.zone, self.instant, self.words = code, zone, instant, words
        self.since = arrays["departments.since"].tolist()
        self.table = arrays["departments.stands"]
        self.stands = [row.tolist() for row in self.table]
        self.of_zone, self.effect = arrays["zones.department"].tolist(), arrays["zones.effect"].tolist()
        self.joint, self.joint_from = arrays["zones.joint"].tolist(), arrays["zones.joint_from"].tolist()
        self.duty = arrays["zones.duty"].tolist()
        self.keeps_out = NEVER in self.effect
        self.whole = [row == [*range(len(row) - 1), -1] for row in self.stands]

    def absence(self, department: int, stage: int, who: int) -> str:
        """In words, that a department is not there at a stage, and who stands for it, -1 for nobody."""
        say, there = self.words, np.flatnonzero(self.table[:, department] == department)
        before = there[there < stage]
        if len(before):
            when = say("department_ended", self.instant(self.since[before[-1] + 1]))
        elif len(there):
            when = say("department_begins", self.instant(self.since[there[0]]))
        else:
            when = say("department_never")
        above = say("stands", self.code(who)) if who >= 0 else say("nobody_stands")
        return say("absence", self.code(department), when, above)


class Here:
    """Departments at one place and instant.

    Parameters
    ----------
    known
        Departments of the snapshot.
    stage
        State of the departments that is in force.
    covering
        What `gis.decide.one` wrote of the zones that cover the place: (zone, side, valid, takes) behind each other.
    """

    def __init__(self, known: Departments, stage: int, covering: list[int]) -> None:
        self._known, self._stage, self._stands = known, stage, known.stands[stage]
        self.said: list[str] = []
        self.never: dict[int, str] = {}
        self.only: list[dict[str, object]] = []
        for at in range(0, len(covering) if known.keeps_out else 0, 4):
            zone = covering[at]
            if known.effect[zone] == NEVER and covering[at + 2] and covering[at + 3] == 1:
                who = self.stands(known.of_zone[zone])
                if who >= 0:
                    self.never.setdefault(who, known.zone(zone))
                    self.said.append(known.words("says_never", known.zone(zone), known.code(who)))
        self.plain = known.whole[stage] and not self.never
        """Whether every department stands for itself, and none is kept out."""

    def stands(self, department: int) -> int:
        """Who stands for a department, -1 for nobody; told once when it is another."""
        if department < 0:
            return -1
        who = self._stands[department]
        if who != department:
            line = self._known.absence(department, self._stage, who)
            if line not in self.said:
                self.said.append(line)
        return who

    def lost(self, who: int) -> str | None:
        """Why a department that stands cannot have the case; None when it can."""
        zone = self.never.get(who)
        return None if zone is None else self._known.words("lost_never", zone)

    def owners(self, three: list[int], duty: int, competent: int) -> Iterator[int]:
        """Departments of a component as they are asked in turn, each once, up to the first that no zone keeps out."""
        told = set()
        for step in range(4):
            who = self.stands(three[decide.asked_of.py_func(duty, step)] if step < 3 else competent)
            if who >= 0 and who not in told:
                told.add(who)
                yield who
                if who not in self.never:
                    return

    def joint(self, zone: int, lead: int) -> list[int]:
        """Departments that share a zone's duty with its lead, in the order that the zone names them."""
        known, out = self._known, []
        for department in known.joint[known.joint_from[zone] : known.joint_from[zone + 1]]:
            who = self.stands(department)
            if who >= 0 and who != lead and who not in out and who not in self.never:
                out.append(who)
        return out

    def other_duty(self, zone: int, asked: int) -> str:
        """Why a zone of another duty than the class asks for does not take the case."""
        say, duties = self._known.words, (DUTIES[self._known.duty[zone]], DUTIES[asked])
        return say("zone_duty", *(say(f"duty_{duty}") for duty in duties))
