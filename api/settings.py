"""The settings: one row each, read from ``WANMI_*`` once, at assembly, and passed on as an argument."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from grids.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine


_TILES = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9._~/?&=%:@+{}-]*")


class Settings(BaseSettings):
    """What can be set from outside; ``Settings.read()`` at the doors, ``Settings(city=…)`` in scripts."""

    model_config = SettingsConfigDict(env_prefix="WANMI_", extra="ignore", frozen=True)

    dsn: str = Field("", description="PostGIS to use; empty: the private cluster's database of the city")
    city: str = Field("demo", description="key of the city, also the name of its database", min_length=1)
    state: str = Field("", description="folder of the private cluster; empty: .wanmi in the project")
    host: str = Field("127.0.0.1", description="address the service listens on; 0.0.0.0 for every one")
    port: int = Field(8000, description="port the service listens on", ge=1, le=65535)
    workers: int = Field(1, description="processes that serve", ge=1, le=64)
    snapshot: str = Field("", description="snapshot file or version to answer from; empty: the record's")
    follow: bool = Field(True, description="whether answers follow the record when it changes")
    snapshots: str = Field("", description="folder of kept snapshots; empty: snapshots in the state folder")
    keep_snapshots: int = Field(20, description="most snapshots kept of a city; 0: no limit", ge=0)
    keep_days: float = Field(0, description="days for which a snapshot is kept; 0: no limit", ge=0)
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="how much is logged: critical, error, warning, info or debug"
    )
    measures: str = Field("", description="file of measures of units (unit, population, patrols …), for rates")
    release: str = Field("", description="release that is published; empty: release-CITY.gpkg in the state folder")
    public: bool = Field(False, description="whether nothing is served but what is published")
    max_body_mb: int = Field(64, description="largest request body, in millions of bytes", ge=1)
    max_rows: int = Field(1_000_000, description="most cases in one request", ge=1)
    max_explained: int = Field(1_000, description="most cases in one request with explain=1", ge=1)

    base_map_url: str = Field(
        "",
        description="tiles of an outside base map, https://host/{z}/{x}/{y}.png, offered beside our own; empty: none, "
        "and pages ask nobody but the service",
    )
    base_map_credit: str = Field(
        "", description="who must be named on the outside base map; needed with its address", validate_default=True
    )

    @field_validator("base_map_url")
    @classmethod
    def _tiles(cls, url: str) -> str:
        if url and not (_TILES.fullmatch(url) and all(part in url for part in ("{z}", "{x}", "{y}"))):
            raise ValueError("is no address of tiles; right: https://host/path/{z}/{x}/{y}.png, one host, no blanks")
        return url

    @field_validator("base_map_credit")
    @classmethod
    def _credit(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("base_map_url") and not text.strip():
            raise ValueError("is empty; who made the outside base map must be named: © OpenStreetMap contributors")
        return text

    @property
    def outside_base(self) -> tuple[str, str] | None:
        """Address and credit of the outside base map; None without one."""
        return (self.base_map_url, self.base_map_credit) if self.base_map_url else None

    @property
    def outside_host(self) -> str:
        """Scheme, host and port that pages may also take pictures from; empty without an outside base map."""
        return "/".join(self.base_map_url.split("/")[:3])

    @classmethod
    def read(cls, **given: Any) -> Settings:
        """Settings from the environment; what is given (and not None) goes first.

        Raises
        ------
        InputError
            Naming every setting that is wrong, and why.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            faults = [f"WANMI_{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()]
            raise InputError(", ".join(faults), where="settings", right="see docs/http.md") from None


class Row(NamedTuple):
    """A setting: its variable, its default as text, its meaning."""

    name: str
    default: str
    help: str


def rows() -> list[Row]:
    """Every setting in order, for help and documentation.

    Examples
    --------
    >>> rows()[1]
    Row(name='WANMI_CITY', default='demo', help='key of the city, also the name of its database')
    """
    return [
        Row(f"WANMI_{name.upper()}", str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def engine_for(settings: Settings) -> Engine:
    """The database of the city: ``WANMI_DSN``, or its own in the private cluster, started if need be.

    Raises
    ------
    Unavailable
        The server cannot be started or reached.
    """
    from gis.store import connect

    return connect(dsn_for(settings))


def dsn_for(settings: Settings) -> str:
    """DSN of the database of the city: ``WANMI_DSN``, or its own in the private cluster, started if need be.

    Raises
    ------
    Unavailable
        The server cannot be started.
    """
    if settings.dsn:
        return settings.dsn
    from gis import postgis

    state = Path(settings.state) if settings.state else None
    postgis.up(state)
    return postgis.dsn(settings.city, state=state)
