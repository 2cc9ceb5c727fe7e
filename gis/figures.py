"""Figures of maps and of what was found on them: axes with units, legends with what was counted, Chinese names.

For notebooks and papers. matplotlib draws them; it comes with the extra ``figures``: ``pip install 'wanmi[figures]'``.
Nothing is drawn on import; every function takes an axes to draw on, or makes one, and returns it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.hotspots.plane import Grid
from grids.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # the same file: matplotlib names a collection after its first font
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)
"""Families with Chinese glyphs, the first that is installed is taken."""
HOT, COLD, NONE = "#b2182b", "#2166ac", "#e0e0e0"
DIVERGING, SEQUENTIAL = "RdBu_r", "YlOrRd"
"""Both can be read by the colour-blind, and in grey."""
PATTERNS = {
    "new": "#ff7f00",
    "consecutive": "#e31a1c",
    "intensifying": "#67000d",
    "persistent": "#cb181d",
    "diminishing": "#fc9272",
    "sporadic": "#fdd0a2",
    "oscillating": "#984ea3",
    "historical": "#a6761d",
    "new cold": "#80cdc1",
    "consecutive cold": "#35978f",
    "intensifying cold": "#053061",
    "persistent cold": "#2166ac",
    "diminishing cold": "#92c5de",
    "sporadic cold": "#c6dbef",
    "oscillating cold": "#9970ab",
    "historical cold": "#bdbdbd",
}
"""Colours of emerging hotspots, cold ones bluish."""


def families() -> list[str]:
    """Font families to write with, Chinese ones first.

    Raises
    ------
    InputError
        matplotlib is missing, or no font with Chinese glyphs is installed.
    """
    try:
        from matplotlib import font_manager
    except ImportError:
        raise InputError("matplotlib is missing", where="figures", right="pip install 'wanmi[figures]'") from None
    here = {font.name for font in font_manager.fontManager.ttflist}
    found = [name for name in FONTS if name in here]
    if not found:
        raise InputError(
            "no font with Chinese glyphs",
            where="figures",
            right="apt-get install fonts-noto-cjk, then clear ~/.cache/matplotlib",
        )
    return [*found, "DejaVu Sans"]


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Chinese names and a quiet frame for whatever is drawn inside; `set_style` for a whole notebook."""
    import matplotlib as mpl

    with mpl.rc_context(_style()):
        yield


def set_style(dpi: int = 72) -> None:
    """The same for all that follows."""
    import matplotlib as mpl

    mpl.rcParams.update(_style() | {"figure.dpi": dpi})


def _style() -> Any:
    return {
        "font.family": families(),
        "axes.unicode_minus": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": True,
        "legend.framealpha": 0.9,
        "legend.fontsize": 9,
        "figure.constrained_layout.use": True,
    }


def _axes(ax: Axes | None, size: tuple[float, float] = (8.5, 7.0)) -> Axes:
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    with style():
        return plt.subplots(figsize=size)[1]


def label_axes(ax: Axes, crs: Any) -> Axes:
    """Label the axes of a map: metres with the CRS in kilometre ticks, or degrees; a metre is as long up as across."""
    import matplotlib.ticker as ticks
    from pyproj import CRS

    known = CRS.from_user_input(crs)
    name = f"EPSG:{known.to_epsg()}" if known.to_epsg() else known.name
    if known.is_geographic:
        ax.set(xlabel="longitude, degrees", ylabel=f"latitude, degrees ({name})")
        middle = np.mean(ax.get_ylim())
        ax.set_aspect(1 / np.cos(np.radians(middle)))
    else:
        ax.set(xlabel="east, km", ylabel=f"north, km ({name})")
        ax.set_aspect("equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(ticks.FuncFormatter(lambda v, _: f"{v / 1000:g}"))
            axis.set_major_locator(ticks.MaxNLocator(6, steps=[1, 2, 5, 10]))
    return ax


def plot_ground(layers: Mapping[str, pd.DataFrame], ax: Axes | None = None, *, units: bool = False) -> Axes:
    """Roads and rivers, faint, to find one's way; with `units` their borders too.

    Parameters
    ----------
    layers
        Frames by name: rivers, roads, units, of which any may be missing.
    """
    ax = _axes(ax)
    view = (ax.get_xlim(), ax.get_ylim()) if ax.has_data() else None
    looks: dict[str, dict[str, Any]] = {
        "rivers": {"color": "#c6dbef", "linewidth": 0, "zorder": 0.4},
        "roads": {"color": "0.72", "linewidth": 0.5, "zorder": 3},
    }
    crs = None
    for name, look in looks.items():
        if name in layers and len(layers[name]):
            crs = layers[name].crs
            layers[name].plot(ax=ax, **look)
    if units and "units" in layers:
        crs = layers["units"].crs
        layers["units"].boundary.plot(ax=ax, color="0.8", linewidth=0.3, zorder=2)
    if view is not None:  # what is shown on it says where to look
        ax.set(xlim=view[0], ylim=view[1])
    return ax if crs is None else label_axes(ax, crs)


def plot_cells(
    frame: gpd.GeoDataFrame,
    column: str,
    ax: Axes | None = None,
    *,
    label: str,
    title: str = "",
    note: str = "",
    middle: float | None = None,
    logarithmic: bool = False,
    hot: str | None = None,
    hot_label: str = "hot, q < 0.05",
    missing: str = "unknown",
    bounds: tuple[float, float] | None = None,
) -> Axes:
    """Cells coloured by a number.

    Parameters
    ----------
    frame
        Polygons with `column`; NaN is drawn hatched and told as `missing`.
    column, label
        What is shown, and what it is called, with its unit.
    note
        What was counted and how, over the legend: ``n = 26,012 cases, June 2026``.
    middle
        Where the scale changes from blue to red; None for a scale from light to dark.
    logarithmic
        Whether the scale is one of ratios.
    hot
        Column of cells to outline.
    bounds
        Ends of the scale; by default those of the data, without the last percent on either side.
    """
    import matplotlib.colors as colours
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ax = _axes(ax)
    with style():
        values = frame[column].to_numpy(dtype=float, na_value=np.nan)
        norm = _norm(values, middle, logarithmic, bounds)
        seen = np.isfinite(values)
        handles: list[Any] = []
        if seen.any():
            colour = DIVERGING if middle is not None else SEQUENTIAL
            bar: dict[str, Any] = {"label": label, "shrink": 0.7, "extend": _ends(values[seen], norm)}
            if logarithmic:  # the ticks between would have labels of their own
                bar |= {"ticks": _round_ratios(norm.vmin, norm.vmax), "format": "%g"}
            frame[seen].plot(
                ax=ax,
                column=column,
                cmap=colour,
                norm=norm,
                legend=True,
                legend_kwds=bar,
                linewidth=0.2,
                edgecolor="0.75",
            )
            if logarithmic:
                ax.figure.axes[-1].minorticks_off()
        if (~seen).any():
            frame[~seen].plot(ax=ax, color="#f7f7f7", edgecolor="0.8", linewidth=0.2, hatch="////", zorder=0.6)
            handles.append(
                Patch(facecolor="#f7f7f7", edgecolor="0.7", hatch="////", label=f"{missing}: {(~seen).sum():,}")
            )
        if hot is not None:
            mine = frame[frame[hot].to_numpy(dtype=bool)]
            if len(mine):
                mine.boundary.plot(ax=ax, color="black", linewidth=1.1, zorder=4)
            handles.insert(0, Line2D([], [], color="black", linewidth=1.4, label=f"{hot_label}: {len(mine):,}"))
        _legend(ax, handles, note)
        ax.set_title(title)
        assert isinstance(norm, colours.Normalize)
        return label_axes(ax, frame.crs)


def plot_kinds(
    frame: gpd.GeoDataFrame,
    column: str,
    colours: Mapping[str, str],
    ax: Axes | None = None,
    *,
    title: str = "",
    note: str = "",
    other: str = "none",
) -> Axes:
    """Cells coloured by a kind, each kind with its count; kinds without a colour are grey and told as `other`."""
    from matplotlib.patches import Patch

    ax = _axes(ax)
    with style():
        kinds = frame[column].astype(str)
        plain = ~kinds.isin(list(colours))
        if plain.any():
            frame[plain].plot(ax=ax, color=NONE, edgecolor="white", linewidth=0.2)
        handles = []
        for kind, colour in colours.items():
            mine = frame[kinds == kind]
            if len(mine):
                mine.plot(ax=ax, color=colour, edgecolor="white", linewidth=0.2)
                handles.append(Patch(color=colour, label=f"{kind}: {len(mine):,}"))
        handles.append(Patch(color=NONE, label=f"{other}: {plain.sum():,}"))
        _legend(ax, handles, note)
        ax.set_title(title)
        return label_axes(ax, frame.crs)


def plot_density(
    grid: Grid,
    crs: Any,
    ax: Axes | None = None,
    *,
    title: str = "",
    note: str = "",
    label: str = "cases per hectare",
    top: float | None = None,
) -> Axes:
    """A density on square cells, light to dark; nothing where it is below a thousandth of its top.

    Parameters
    ----------
    note
        How many cases, kernel and bandwidth: a density without them says nothing.
    top
        Upper end of the scale; the grid's largest value by default. Pictures to be held beside each other share it.
    """
    ax = _axes(ax)
    with style():
        end = float(grid.values.max(initial=0.0)) if top is None else top
        values = np.where(grid.values > end / 1000, grid.values, np.nan)
        west, south, east, north = grid.bounds
        drawn = ax.imshow(
            values,
            origin="lower",
            extent=(west, east, south, north),
            cmap=SEQUENTIAL,
            vmin=0,
            vmax=end or 1.0,
            zorder=1,
        )
        over = "max" if top is not None and grid.values.max(initial=0.0) > top else "neither"
        ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.7, extend=over)
        _legend(ax, [], note)
        ax.set_title(title)
        return label_axes(ax, crs)


def plot_areas(
    frame: gpd.GeoDataFrame, ax: Axes | None = None, *, label: str, colour: str = HOT, names: str | None = None
) -> Axes:
    """Outlines over what the axes shows, with their count in the legend; `names` is a column to write beside them."""
    from matplotlib.lines import Line2D

    ax = _axes(ax)
    with style():
        if len(frame):
            frame.boundary.plot(ax=ax, color=colour, linewidth=1.6, zorder=5)
        if names is not None:
            for text, point in zip(frame[names], frame.geometry.representative_point(), strict=True):
                ax.annotate(str(text), (point.x, point.y), xytext=(4, 4), textcoords="offset points", zorder=6)
        old = ax.get_legend()
        handles = list(old.legend_handles) if old else []
        notes = [text.get_text() for text in ax.texts if text.get_gid() == "note"]
        note = old.get_title().get_text() if old else " ".join(notes)
        _legend(ax, [*handles, Line2D([], [], color=colour, linewidth=1.6, label=f"{label}: {len(frame):,}")], note)
        return label_axes(ax, frame.crs)


def _legend(ax: Axes, handles: list[Any], note: str) -> None:
    """What was counted and the keys, below the axis' own label."""
    from matplotlib.transforms import offset_copy

    figure = ax.get_figure(root=True)
    below = offset_copy(ax.transAxes, fig=figure, y=-38, units="points")
    if handles:
        place: dict[str, Any] = {
            "loc": "upper left",
            "bbox_to_anchor": (0.0, 0.0),
            "bbox_transform": below,
            "borderaxespad": 0.0,
        }
        made = ax.legend(handles=handles, title=note or None, ncols=min(len(handles), 4), **place)
        made.set_alignment("left")
        made.get_title().set_fontsize(9)
        made.set_zorder(10)
        for old in [text for text in ax.texts if text.get_gid() == "note"]:
            old.remove()
    elif note:
        ax.text(0.0, 0.0, note, transform=below, va="top", fontsize=9, gid="note")


def _norm(
    values: NDArray[np.float64], middle: float | None, logarithmic: bool, bounds: tuple[float, float] | None
) -> Any:
    import matplotlib.colors as colours

    known = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    low, high = bounds or (tuple(np.quantile(known, [0.01, 0.99])) if len(known) else (0.0, 1.0))
    if logarithmic:
        if middle is not None:
            far = max(np.log(high / middle), np.log(middle / max(low, 1e-9)), 0.1)
            return colours.LogNorm(middle * np.exp(-far), middle * np.exp(far))
        return colours.LogNorm(max(low, 1e-9), max(high, low * 1.01))
    if middle is not None:
        far = max(abs(high - middle), abs(low - middle)) or 1.0
        return colours.Normalize(middle - far, middle + far)
    return colours.Normalize(min(low, 0.0) if bounds is None else low, high if high > low else low + 1.0)


def _round_ratios(low: float, high: float) -> list[float]:
    """Round numbers for a scale of ratios.

    Examples
    --------
    >>> _round_ratios(0.3, 3.4)
    [0.5, 1.0, 2.0]
    """
    every = [m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5)]
    low, high = low * (1 - 1e-9), high * (1 + 1e-9)
    some = [v for v in every if low <= v <= high]
    if len(some) < 3:
        some = [v for v in np.round(np.geomspace(low, high, 5), 2).tolist() if low <= v <= high]
    return some


def _ends(values: NDArray[np.float64], norm: Any) -> str:
    low, high = bool((values < norm.vmin).any()), bool((values > norm.vmax).any())
    return {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}[(low, high)]
