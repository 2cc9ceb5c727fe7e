"""What codes are made of: their parts, and the text that these make. `grids.codes` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

CLASS_DIGITS = {"2007": 4, "2013": 4, "2026": 5}
"""Digits of a class code by edition; any other edition is a city's own and takes any text."""

KINDS = {"C": "component (部件)", "E": "event (事件)"}
LEVELS = {6: "district", 9: "street", 12: "community"}


@dataclass(frozen=True)
class ClassCode:
    """A class of components or events: edition, kind (C or E) and code. Its text is ``2026:C01001``."""

    edition: str
    kind: str
    code: str

    def __str__(self) -> str:
        return f"{self.edition}:{self.kind}{self.code}"

    @property
    def major(self) -> str:
        """Code of its major class; "" in a city's own edition, where the catalogue tells."""
        return self.code[:2] if self.edition in CLASS_DIGITS else ""


@dataclass(frozen=True)
class AreaCode:
    """An administrative area: 6 digits district (区县), 9 street (街道), 12 community (社区)."""

    code: str

    def __str__(self) -> str:
        return self.code

    @property
    def level(self) -> str:
        """``district``, ``street`` or ``community``."""
        return LEVELS[len(self.code)]


@dataclass(frozen=True)
class UnitCode:
    """A unit grid (单元网格): community and serial number; in a city with free codes the serial is all."""

    community: str
    serial: str

    def __str__(self) -> str:
        return self.community + self.serial

    @property
    def district(self) -> str:
        """District digits, "" where codes are free."""
        return self.community[:6]

    @property
    def street(self) -> str:
        """Street digits, the district's included."""
        return self.community[:9]


@dataclass(frozen=True)
class ComponentCode:
    """A component (部件标识码): district, class and serial number."""

    district: str
    klass: ClassCode
    serial: str

    def __str__(self) -> str:
        return self.district + self.klass.code + self.serial


@dataclass(frozen=True)
class CaseNumber:
    """A case number in one of two known forms: head (kind and 2013 class, or two letters of the city), day, serial."""

    head: str
    day: date
    serial: str

    def __str__(self) -> str:
        return f"{self.head}{self.day:%Y%m%d}{self.serial}"
