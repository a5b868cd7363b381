"""What the figures share: colors, intervals, labels at line ends, year axes, shares written in bars."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from rpeval.findings import show_number
from rpeval.findings.table import legend, lettered, show_year
from rpeval.reports.drawing.palette import AGAINST, BLUE, FAVOR, INK, MIDDLE, ORANGE, SHADE, SOFT

STEPS = [1, 2, 2.5, 5, 10]
COLUMNS = (118, 158)  # right ends of what a forest writes beside its axes, in points
LIFTED = 18  # room between axes and title for the letters of marks

# Arms differ in color, line, marker and fill, so that they stay apart in gray and for any color vision.
ARMS = {
    "adopting": {"color": BLUE, "linestyle": "-", "marker": "o", "markerfacecolor": BLUE},
    "comparison": {"color": ORANGE, "linestyle": (0, (5, 2)), "marker": "s", "markerfacecolor": "white"},
}
ARM_NAMES = {"adopting": "Adopting schools", "comparison": "Comparison schools"}


def arm_look(arm: str) -> dict:
    """Give the look of an arm; a study without arms looks like the adopting one."""
    return ARMS.get(arm, ARMS["adopting"])


def start_years(years: pd.Series) -> pd.Series:
    """Read years, written 2018 or "2018-19", as the year in which the school year starts.

    >>> start_years(pd.Series(["2018-19", "2019-20"])).tolist()
    [2018, 2019]
    """
    return years.map(lambda y: int(str(y)[:4])).astype(int)


def all_years(years: pd.Series) -> list[int]:
    """List every year from the first to the last, those left out included."""
    known = start_years(years)
    return list(range(known.min(), known.max() + 1))


def year_axis(ax: Axes, years: Sequence[int], *, few: bool = False) -> None:
    """Write school years under the axis; only the first and the last in a small panel."""
    step = 1 if len(years) <= 9 else 2
    ticks = [years[0], years[-1]] if few else list(years)[::step]
    ax.set_xticks(ticks, [show_year(y) for y in ticks])
    ax.set_xlim(years[0] - 0.4, years[-1] + 0.4)
    if few and len(ticks) > 1:
        for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
            label.set_horizontalalignment(side)


def since_axis(ax: Axes, events: pd.Series) -> None:
    """Count years from the start under the axis, and shade those before it."""
    first, last = events.min() - 0.6, events.max() + 0.6
    if first < -0.5:
        ax.axvspan(first, -0.5, color=SHADE, lw=0, zorder=0)
        top_note(ax, (first - 0.5) / 2, "before the program")
    if last > -0.5:
        top_note(ax, (last - 0.5) / 2, "with the program")
    ax.set(xlim=(first, last), xlabel="Years since the program started")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def value_axis(ax: Axes, values: pd.Series, column: str) -> None:
    """Scale the axis of values: rates and shares from zero, scores around what was seen."""
    low, high = float(values.min()), float(values.max())
    if low >= 0 and (column.endswith(("rate", "_per_100", "_share", "favorable")) or low < 0.5 * high):
        ax.set_ylim(0, high * 1.14 or 1)
    else:
        room = 0.25 * (high - low or 1)
        ax.set_ylim(low - room, high + room)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))


def mark_left_out(ax: Axes, years: Sequence[int], present: Sequence[int], *, say: bool = True) -> None:
    """Shade each year that is not in the table and, where there is room, say so."""
    for year in sorted(set(years) - set(present)):
        ax.axvspan(year - 0.5, year + 0.5, color=SHADE, lw=0, zorder=0)
        if say:
            note = top_note(ax, year, f"{show_year(year)}\nleft out")
            note.set_bbox({"facecolor": SHADE, "edgecolor": "none", "pad": 1})


def mark_starts(ax: Axes, starts: pd.Series) -> None:
    """Mark at the foot of the axis how many schools start in each year. starts : year to schools."""
    for year, n in starts[starts > 0].items():
        ax.plot(
            [year], [0.025], marker="^", ms=6, color=INK, transform=ax.get_xaxis_transform(), clip_on=False
        )
        word = "starts" if n == 1 else "start"
        ax.text(year, 0.065, f"{show_number(float(n), 0)} {word}", transform=ax.get_xaxis_transform(),
                ha="center", va="bottom", fontsize=8.5)  # fmt: skip


def mark_policies(ax: Axes, told: Mapping[int, str]) -> None:
    """Draw a dotted line with its letter over each year in which something else happened."""
    for letter, year, _ in lettered(told):
        ax.axvline(year, color=INK, lw=1, ls=(0, (1, 2.5)), zorder=0.5)
        ax.annotate(letter, (year, 1), xycoords=ax.get_xaxis_transform(), xytext=(0, 2), ha="center",
                    textcoords="offset points", va="bottom", fontsize=8.5, fontweight="bold")  # fmt: skip


def policy_legend(figure: Figure, told: Mapping[int, str]) -> None:
    """Say below the figure what its letters stand for; the figure grows by these lines."""
    text = "\n".join(textwrap.fill(words, 100, subsequent_indent="    ") for words in legend(told))
    if text:
        figure.set_figheight(figure.get_figheight() + 0.17 * (text.count("\n") + 2))
        figure.supxlabel(text, x=0.01, ha="left", ma="left", fontsize=8.5)


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write the name of each line at its last point, apart from one another. ends : x, y, name, color."""
    low, high = ax.get_ylim()
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    places = spread([ends[i][1] for i in order], gap=0.09 * (high - low))
    for i, y in zip(order, places, strict=True):
        x, _, name, color = ends[i]
        ax.annotate(name, (x, y), xytext=(9, 0), textcoords="offset points", va="center", color=color,
                    fontweight="bold", annotation_clip=False)  # fmt: skip


def spread(places: Sequence[float], *, gap: float) -> list[float]:
    """Move sorted places apart until neighbors are a gap apart, around their old middle.

    >>> spread([1.0, 1.0], gap=1.0)
    [0.5, 1.5]
    """
    moved = list(places)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    shift = (sum(moved) - sum(places)) / len(moved) if moved else 0
    return [m - shift for m in moved]


def intervals(
    ax: Axes,
    at: np.ndarray,
    rows: pd.DataFrame,
    *,
    face: str,
    upright: bool,
    color: str = BLUE,
    marker: str = "o",
) -> None:
    """Draw points at `value`, with lines from `low` to `high` where the rows have them."""
    value = rows["value"].to_numpy(float)
    if {"low", "high"} <= set(rows.columns):
        draw = ax.vlines if upright else ax.hlines
        draw(at, rows["low"].to_numpy(float), rows["high"].to_numpy(float), color=color, lw=1.6, zorder=2)
    x, y = (at, value) if upright else (value, at)
    ax.plot(x, y, ls="", marker=marker, ms=5.5, mfc=face, mec=color, mew=1.4, zorder=3)


def together(ax: Axes, at: np.ndarray, rows: pd.DataFrame, *, within: tuple[float, float]) -> None:
    """Draw what studies say together: a mean as a diamond as wide as its interval, a range as a line.

    A range that goes on beyond `within` ends there in a point like an arrow's.
    """
    for y, row in zip(at, rows.itertuples(), strict=True):
        if row.part == "range":
            ends = max(row.low, within[0]), min(row.high, within[1])
            ax.plot(ends, [y, y], color=ORANGE, lw=1.8, ls=(0, (4, 2)), zorder=2)
            for x, told, beyond in ((ends[0], row.low, "<"), (ends[1], row.high, ">")):
                ax.plot([x], [y], ls="", marker="|" if x == told else beyond, ms=8, mew=1.8, color=ORANGE)
            continue
        face = BLUE if row.part == "pooled" else "white"
        ax.fill([row.low, row.value, row.high, row.value], [y, y + 0.1, y, y - 0.1], fc=face, ec=BLUE, lw=1.2,
                zorder=3)  # fmt: skip


def write_columns(ax: Axes, at: np.ndarray, rows: pd.DataFrame, *, digits: Mapping[str, int]) -> None:
    """Write beside each row its value with its interval, and its weight, as the table prints them."""
    told, shares = digits.get("value", 1), digits.get("weight", 0)
    for y, row in zip(at, rows.itertuples(), strict=True):
        value = "" if row.part == "range" else f"{show_number(row.value, told)}  "
        text = f"{value}({show_number(row.low, told)} to {show_number(row.high, told)})"
        weight = show_number(row.weight, shares)
        for x, words in zip(COLUMNS, (text, weight and f"{weight}%"), strict=True):
            ax.annotate(words, (1, y), xycoords=ax.get_yaxis_transform(), xytext=(x, 0), ha="right",
                        textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
    for x, words in zip(COLUMNS, ("Effect and interval", "Weight"), strict=True):
        ax.annotate(words, (1, 1), xycoords="axes fraction", xytext=(x, 5), textcoords="offset points",
                    ha="right", va="bottom", fontsize=8.5, color=SOFT)  # fmt: skip


def top_note(ax: Axes, x: float, text: str) -> Text:
    """Write a short note inside the top of the axes."""
    return ax.text(
        x, 0.97, text, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize=8.5, color=SOFT
    )


def name_extremes(ax: Axes, rows: pd.DataFrame, names: pd.Series) -> None:
    """Where rows are too many to name, name the lowest below its dot, and the highest above."""
    ax.set_yticks([])
    for i, side, shift in ((0, "left", -9), (len(rows) - 1, "right", 9)):
        ax.annotate(str(names.iloc[i]), (rows["value"].iloc[i], i), xytext=(0, shift), ha=side, va="center",
                    textcoords="offset points", fontsize=8.5)  # fmt: skip


def arm_legend(figure: Figure, arms: Sequence[str]) -> None:
    """Explain the markers of the arms above the figure."""
    looks = [(arm_look(a), ARM_NAMES.get(a, a)) for a in arms]
    handles = [Line2D([], [], ls="", marker=k["marker"], mfc=k["markerfacecolor"], mec=k["color"], mew=1.4,
                      label=name) for k, name in looks]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)


def planted_legend(figure: Figure) -> None:
    """Explain estimate, interval and planted value above the figure."""
    handles = [
        Line2D([], [], color=BLUE, lw=1.6, marker="o", mfc=BLUE, mec=BLUE, label="Found, with its interval"),
        Line2D([], [], ls="", marker="D", ms=7.5, mfc="none", mec=ORANGE, mew=1.8, label="Planted"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)


def diverging(categories: int) -> list[str]:
    """Give colors for answer categories from least to most favorable; the middle of an odd number is gray."""
    half, odd = divmod(categories, 2)
    pick = {1: (0,), 2: (0, 1), 3: (0, 1, 2)}[min(half, 3)]
    left = [AGAINST[i] for i in pick] + [AGAINST[-1]] * (half - len(pick))
    right = [FAVOR[-1 - i] for i in pick] + [FAVOR[0]] * (half - len(pick))
    return [*left, *([MIDDLE] if odd else []), *right[::-1]]


def write_shares(
    ax: Axes, places: Sequence[float], start: np.ndarray, shares: np.ndarray, color: str
) -> None:
    """Write each share in its bar where the bar is wide enough."""
    red, green, blue = to_rgb(color)
    ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK
    for y, left, share in zip(places, start, shares, strict=True):
        if share >= 4:
            ax.text(left + share / 2, y, f"{share:.0f}", ha="center", va="center", fontsize=8.5, color=ink)
