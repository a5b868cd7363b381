"""Figures drawn from released tables, and from nothing else."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rpeval.errors import FindingError, Problem
from rpeval.findings import Table
from rpeval.findings.store import frame_text, read_frame, write_whole
from rpeval.reports.drawing import KEPT, kinds, logic_model
from rpeval.reports.drawing.palette import INK, SOFT
from rpeval.reports.drawing.svgtext import inline
from rpeval.reports.wording import anchor

KINDS = {
    "trend": kinds.trend,
    "event": kinds.event,
    "groups": kinds.groups,
    "dots": kinds.dots,
    "stack": kinds.stack,
    "intervals": kinds.intervals,
    "planted": kinds.intervals,
    "chances": kinds.chances,
    "forest": kinds.forest,
    "funnel": kinds.funnel,
}

# Drawn as text and lines rather than by matplotlib, so that it can be read aloud.
LOGIC_MODEL = "logic_model"

# The columns each kind must find; "a|b" means either. One row for each value of the key columns.
COLUMNS = {
    "trend": ("year|wave",),
    "event": ("event_time|year", "value", "low", "high"),
    "groups": ("year|wave", "group"),
    "dots": ("value",),
    "stack": ("item",),
    "intervals": ("label", "value", "low", "high"),
    "planted": ("label", "planted", "found", "low", "high"),
    "chances": ("value", "chance"),
    "forest": ("label", "part", "value", "low", "high", "weight"),
    "funnel": ("value", "se", "center"),
}
KEYS = {
    "trend": ("year", "wave", "arm"),
    "event": ("event_time", "year"),
    "groups": ("year", "wave", "group"),
}

# Glyphs are drawn as paths: the picture is then the same on every machine, in print and in other documents,
# and no label overlaps another because a font is absent. Readers who cannot see it have the alternative text
# and the table of its numbers. Constrained layout, drawn once by the SVG canvas itself, replaces a tight
# bounding box, which would draw everything twice.
STYLE = {
    **sns.axes_style("ticks"),
    "svg.fonttype": "path",
    "svg.hashsalt": "rpeval",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 9.5,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.bottom": True,
    "ytick.left": True,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
}


class Drawing(Figure):
    """A matplotlib figure that shows itself in a notebook as the SVG that the report prints."""

    table: Table
    kept: str = ""

    def _repr_svg_(self) -> str:
        return self.kept if self.kept and not self.stale else _as_svg(self, self.table)


def what_hinders(table: Table) -> list[Problem]:
    """List what keeps a table from being drawn as the figure it names; nothing when it can be."""
    kind, columns = table.figure, set(table.frame.columns)
    if kind not in KINDS:
        return [Problem(table.id, f"There is no figure {kind!r}.", f"Use one of: {', '.join(KINDS)}.")]
    gone = [need for need in COLUMNS[kind] if not columns & set(need.split("|"))]
    if gone:
        needed = ", ".join(gone).replace("|", " or ")
        return [Problem(table.id, f"A {kind} figure needs the columns {needed}.", "Name them in the table.")]
    if kinds.visible(table).empty:
        return [Problem(table.id, "Every row is hidden or empty.", "Print the table instead.")]
    if table.marks and kind not in KEYS:
        what = f"A {kind} figure is not drawn over years, so it cannot show marks."
        return [Problem(table.id, what, f"Leave out the marks, or use one of: {', '.join(KEYS)}.")]
    keys = [key for key in KEYS.get(kind, ()) if key in columns]
    twice = int(table.frame.duplicated(keys).sum()) if keys else 0
    if twice:
        what = f"{twice} rows repeat a point ({', '.join(keys)})."
        return [Problem(table.id, what, "Keep one row for each point.")]
    return []


def drawable(table: Table) -> bool:
    """Say whether a table names a kind of figure and still has a row to draw."""
    if table.figure == LOGIC_MODEL:
        return not table.frame.empty
    return table.figure in KINDS and not kinds.visible(table).empty


def draw(table: Table) -> Figure:
    """Draw a released table as the kind of figure it names.

    Use it in a notebook and in reports; both then show the same picture.
    table : a released table; only its frame is drawn, hidden rows are left blank
    Kinds and the columns they read:
    trend   : year or wave, arm (optional), the first column that is not a key or a count; starts_n (optional:
              schools that start in the year)
    event   : event_time (years since the start) or year, value, low, high
    groups  : year, group, and a value column as for trend
    dots    : school_name (or the first text column), value, low and high (optional), arm (optional)
    stack   : item, wave (optional), one column per answer category with its share from 0 to 1 or 0 to 100
    intervals : label (a year, a method, a school left out), value, low, high, unit (optional), rows in order
    planted : label, unit, planted, found, low, high
    chances : value (above zero, on a scale of ratios), chance (percent)
    forest  : label, part (study, pooled, other for another mean, range for a prediction), value, low, high,
              weight (percent), rows in order
    funnel  : value, se, center (the same in every row: where the limits of chance meet)
    A table with marks shows them in the kinds that are drawn over years: trend, groups, event.
    Refuses (FindingError) an unknown kind, a missing column, two rows for one point, no row left to draw.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"school_name": ["East", "West"], "value": [0.5, -2.0]})
    >>> changes = Table("a.dots", "Changes", frame, {"value": "Change"}, figure="dots", alt="West fell.")
    >>> draw(changes).axes[0].get_xlabel()
    'Change'
    """
    problems = what_hinders(table)
    if problems:
        raise FindingError(problems)
    folder = os.environ.get(KEPT)
    return _keep(table, Path(folder)) if folder else _drawn(table)


def _drawn(table: Table) -> Drawing:
    with matplotlib.rc_context(STYLE):
        figure = Drawing(layout="constrained")
        figure.table = table
        KINDS[table.figure](figure, table)
    return figure


def _keep(table: Table, folder: Path) -> Drawing:
    """Draw a table as it will be read from its file, and keep that picture: before anybody can change it."""
    table = replace(table, frame=read_frame(frame_text(table.frame)))
    figure = _drawn(table)
    figure.kept = _as_svg(figure, table)
    write_whole(folder / _kept_name(table), figure.kept)
    return figure


def find_kept(tables: Mapping[str, Table], folder: Path) -> dict[str, str]:
    """Give, by table, the pictures that notebooks drew of exactly these tables and kept in a folder.

    Use it in the run that the notebooks belong to: the same code would draw the same picture again.
    """
    places = {id: folder / _kept_name(table) for id, table in tables.items() if table.figure in KINDS}
    return {id: place.read_text(encoding="utf-8") for id, place in places.items() if place.is_file()}


def _kept_name(table: Table) -> str:
    """Name a table's picture by everything that can be seen in it."""
    told = {
        f.name: getattr(table, f.name) for f in fields(table) if f.name not in ("frame", "notebook", "cell")
    }
    seen = json.dumps(told, default=dict) + frame_text(table.frame)
    return f"{hashlib.sha256(seen.encode()).hexdigest()}.svg"


def svg(table: Table) -> str:
    """Draw a released table as one self-contained SVG element with its text alternative.

    The same table gives the same bytes on the same machine: no date, salted ids.
    A logic_model (see `logic_model.draw`) stays text.
    """
    if table.figure == LOGIC_MODEL:
        return logic_model.draw(table)
    return _as_svg(draw(table), table)


def _as_svg(figure: Figure, table: Table) -> str:
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(file, metadata=nothing)
    return inline(file.getvalue(), anchor("figure", table.id), table.alt)
