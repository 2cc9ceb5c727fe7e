"""A profile read from its file, checked whole."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from gis.layers import LAYERS
from gis.profile.city import read_city, read_grids
from gis.profile.model import Profile, Source, hint, unknown
from gis.profile.sources import read_sources
from grids.errors import InputError


def read_profile(path: str | Path) -> Profile:
    """Read and check a profile.

    Parameters
    ----------
    path
        TOML file, UTF-8; or the name of a profile that comes with Wanmi (``baltimore``).

    Raises
    ------
    InputError
        The file cannot be read, is no TOML, or has faults: unknown keys (with the nearest known one), unknown
        layers and fields, a CRS that is not metric, bounds that are none. All faults come in one line.
    """
    path = _found(path)
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path), right="give a TOML file") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", where=str(path), right="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", where=str(path)) from error
    faults: list[str] = []
    unknown(told, ("city", "layers", "grids"), "", faults)
    city = read_city(told.get("city"), faults)
    sources: dict[tuple[str, str], Source] = {}
    layers = told.get("layers", {})
    if not isinstance(layers, dict):
        faults.append("layers is a table, one for each layer")
        layers = {}
    for name, table in layers.items():
        if name not in LAYERS:
            faults.append(f"no layer {name!r}, {hint(name, LAYERS)}")
        elif not isinstance(table, dict):
            faults.append(f"layers.{name} is a table")
        else:
            read_sources(name, table, sources, faults)
    grids = read_grids(told.get("grids", {}), faults)
    if faults or city is None:
        raise InputError("; ".join(faults), where=str(path))
    return Profile(city, MappingProxyType(sources), str(path), MappingProxyType(grids))


def shipped() -> dict[str, Path]:
    """The profiles that come with Wanmi, by name."""
    folder = Path(str(resources.files("data"))) / "profiles"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def _found(path: str | Path) -> Path:
    text = str(path)
    if Path(text).exists() or text.endswith(".toml") or "/" in text:
        return Path(text)
    known = shipped()
    if text not in known:
        raise InputError(
            f"there is no profile {text!r}", where="profile", right=f"give a TOML file; {hint(text, known)}"
        )
    return known[text]
