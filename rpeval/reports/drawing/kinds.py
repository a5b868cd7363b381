"""The kinds of figure. Each draws the visible rows of one released table on a given empty figure."""

import textwrap
from collections.abc import Iterator

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rpeval.findings import Table, show_number
from rpeval.findings.table import YEAR_COLUMNS, show_year
from rpeval.reports.drawing import marks
from rpeval.reports.drawing.palette import BLUE, FAINT, INK, ORANGE, SHADE, SOFT

WIDTH = 7.2
PLANTED = 12  # planted values that are all drawn
NAMED, DOTTED = 30, 300  # dots that are all named; dots that can be told apart
FIXED = {
    "event": "value", "dots": "value", "intervals": "value", "planted": "planted", "chances": "chance",
    "forest": "value", "funnel": "value",
}  # fmt: skip
CHANCE = 1.96  # standard errors to a side within which 95 of 100 studies of one effect lie
LISTED = 60  # studies of a forest that are all named
_KEYS = YEAR_COLUMNS | {"arm", "group", "item", "school_id", "school_name", "suppressed", "unit"}


def visible(table: Table) -> pd.DataFrame:
    """Give the rows that disclosure control left visible, with at least one number to draw."""
    frame = table.frame
    if "suppressed" in frame.columns:
        frame = frame[~frame["suppressed"].astype(bool)]
    fixed = FIXED.get(table.figure or "")
    numbers = [fixed] if fixed in frame.columns else _values(table)
    return frame.dropna(subset=numbers, how="all") if numbers else frame.iloc[0:0]


def drawn_rows(table: Table) -> pd.DataFrame:
    """Give the rows that are drawn: of many planted values, all missed ones and the first of the others."""
    frame = visible(table)
    if table.figure != "planted" or len(frame) <= PLANTED or "inside" not in frame.columns:
        return frame
    missed = frame["inside"].astype(str) != "yes"
    others = frame.index[~missed][: max(PLANTED - int(missed.sum()), 0)]
    return frame[missed | frame.index.isin(others)]


def trend(figure: Figure, table: Table) -> None:
    """Draw one line per arm over the years; a year left out, or hidden, is a gap."""
    frame, time, value = visible(table), _time(table), _values(table)[0]
    figure.set_size_inches(WIDTH, 3.5)
    ax = figure.subplots()
    years = marks.all_years(table.frame[time])
    frame = frame.assign(**{time: marks.start_years(frame[time])})
    marks.mark_left_out(ax, years, marks.start_years(table.frame[time]))
    ends = []
    for arm, rows in _by_arm(frame):
        look, rows = marks.arm_look(arm), rows.sort_values(time)
        stretch = rows[time].diff().gt(1).cumsum().to_numpy()
        sns.lineplot(x=rows[time], y=rows[value].astype(float), units=stretch, estimator=None, ax=ax, lw=2,
                     ms=6, mec=look["color"], mew=1.4, **look)  # fmt: skip
        ends.append((rows[time].iloc[-1], rows[value].iloc[-1], marks.ARM_NAMES.get(arm, arm), look["color"]))
    marks.value_axis(ax, frame[value], value)
    marks.label_ends(ax, ends)
    if "starts_n" in frame.columns:
        marks.mark_starts(ax, frame.groupby(time)["starts_n"].max())
    marks.year_axis(ax, years)
    ax.set(xlabel="", ylabel="")
    ax.set_title(table.labels.get(value, value), pad=marks.LIFTED if table.marks else None)
    marks.mark_policies(ax, table.marks)
    marks.policy_legend(figure, table.marks)


def event(figure: Figure, table: Table) -> None:
    """Draw estimates and intervals by year since the start, or by school year; none is starred."""
    time = "event_time" if "event_time" in table.frame.columns else "year"
    frame = visible(table)
    rows = frame.assign(at=frame[time] if time == "event_time" else marks.start_years(frame[time]))
    rows = rows.sort_values("at")
    figure.set_size_inches(WIDTH, 3.4)
    ax = figure.subplots()
    ax.axhline(0, color=SOFT, lw=0.9, zorder=1)
    before = (rows["at"] < 0).to_numpy()
    for mask, face in ((before, "white"), (~before, BLUE)):
        marks.intervals(ax, rows["at"].to_numpy(float)[mask], rows[mask], face=face, upright=True)
    ax.margins(y=0.16)
    ax.set_title(table.labels.get("value", "Effect"), pad=marks.LIFTED if table.marks else None)
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=marks.STEPS))
    if time == "year":
        years = marks.all_years(table.frame[time])
        marks.mark_left_out(ax, years, marks.start_years(table.frame[time]))
        marks.year_axis(ax, years)
        marks.mark_policies(ax, table.marks)
        marks.policy_legend(figure, table.marks)
    else:
        marks.since_axis(ax, rows["at"])


def groups(figure: Figure, table: Table) -> None:
    """Draw one small panel per student group, the other groups in gray behind it, all on one scale."""
    frame, time, value = visible(table), _time(table), _values(table)[0]
    years = marks.all_years(table.frame[time])
    lines = {str(name): _line(frame[frame["group"] == name], time, value, years) for name in _groups(table)}
    columns = min(len(lines), 4 if len(lines) > 6 else 3)
    down = -(-len(lines) // columns)
    figure.set_size_inches(WIDTH, 0.5 + 1.7 * down)
    axes = figure.subplots(down, columns, sharey=True, squeeze=False).ravel()
    for ax, (name, line) in zip(axes, lines.items(), strict=False):
        hidden = line.isna().all()
        marks.mark_left_out(ax, years, marks.start_years(table.frame[time]), say=False)
        for other in [] if hidden else lines.values():
            ax.plot(years, other, color=FAINT, lw=1, zorder=1)
        ax.plot(years, line, color=BLUE, lw=2, marker="o", ms=3.4, zorder=2)
        ax.set_title(textwrap.fill(name, 24), fontweight="bold", pad=marks.LIFTED if table.marks else 4)
        marks.mark_policies(ax, table.marks)
        marks.year_axis(ax, years, few=True)
        if hidden:
            marks.top_note(ax, (years[0] + years[-1]) / 2, "hidden to protect students")
    marks.value_axis(axes[0], frame[value], value)
    for ax in axes[len(lines) :]:
        ax.set_visible(False)
    figure.suptitle(table.labels.get(value, value), x=0.01, ha="left", fontsize=9.5)
    marks.policy_legend(figure, table.marks)


def dots(figure: Figure, table: Table) -> None:
    """Draw one dot per row, sorted; all are named when they fit, else the lowest and the highest.

    So many dots that they would touch are drawn as the line that they form.
    """
    frame = visible(table)
    text = next(c for c in ("school_name", *table.labels) if c in frame.columns and c not in ("value", "arm"))
    rows = frame.sort_values(["value", text], kind="stable").reset_index(drop=True)
    few = len(rows) <= NAMED
    figure.set_size_inches(WIDTH, min(7.5, 0.9 + (0.19 if few else 0.055) * max(len(rows), 4)))
    ax = figure.subplots()
    ax.axvline(0, color=SOFT, lw=0.9, zorder=1)
    for arm, part in _by_arm(rows):
        look = marks.arm_look(arm)
        if len(part) > DOTTED:
            ax.plot(part["value"], part.index, color=look["color"], ls=look["linestyle"], lw=2.4)
            continue
        marks.intervals(ax, part.index.to_numpy(float), part, face=look["markerfacecolor"], upright=False,
                        color=look["color"], marker=look["marker"])  # fmt: skip
    if "arm" in rows.columns:
        marks.arm_legend(figure, [arm for arm, _ in _by_arm(rows)])
    names = rows[text].map(lambda name: textwrap.shorten(str(name), 44, placeholder=" …"))
    if few:
        ax.set_yticks(rows.index, names)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", color=SHADE, lw=0.8)
    else:
        marks.name_extremes(ax, rows, names)
    ax.spines["left"].set_visible(False)
    room = 0.8 if few else 0.25 * len(rows) / figure.get_figheight()
    ax.set(xlabel=table.labels.get("value", "Value"), ylabel="", axisbelow=True)
    ax.set_ylim(-room, len(rows) - 1 + room)


def stack(figure: Figure, table: Table) -> None:
    """Draw shares of answers as bars that diverge from the middle, favorable answers to the right."""
    frame, categories = visible(table).reset_index(drop=True), _values(table)
    shares = frame[categories].fillna(0).to_numpy(float)
    shares = shares * (100 if shares.sum(axis=1).max() <= 1.5 else 1)
    half, odd = divmod(len(categories), 2)
    start = -shares[:, :half].sum(axis=1) - (shares[:, half] / 2 if odd else 0)
    places, names, heads = _rows_of_bars(frame)
    figure.set_size_inches(WIDTH, 1.0 + 0.3 * (places[-1] + 1))
    ax = figure.subplots()
    for j, color in enumerate(marks.diverging(len(categories))):
        ax.barh(places, shares[:, j], left=start, height=0.78, color=color, edgecolor="white", lw=0.8,
                label=table.labels[categories[j]])  # fmt: skip
        marks.write_shares(ax, places, start, shares[:, j], color)
        start = start + shares[:, j]
    for place, head in heads:
        ax.text(0, place, head, transform=ax.get_yaxis_transform(), ha="left", va="center", fontweight="bold")
    ax.vlines(np.zeros(len(places)), places - 0.5, places + 0.5, color=INK, lw=0.9)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(places[-1] + 0.6, min(places[0], heads[0][0] if heads else places[0]) - 0.6), xticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel("Percent of answers; favorable answers lie to the right of the line")
    figure.legend(loc="outside upper left", ncols=min(len(categories), 5), frameon=False, handlelength=1.1,
                  handleheight=1.1, columnspacing=1.2)  # fmt: skip


def intervals(figure: Figure, table: Table) -> None:
    """Draw each value with its interval, a row for each label from the top, one panel per unit.

    Planted values, where there are any, are diamonds beside what was found.
    """
    frame = drawn_rows(table).rename(columns={"found": "value"})
    told = table.labels.get("value", "") if table.figure == "intervals" else ""
    frame = frame.assign(unit=frame["unit"].fillna(told) if "unit" in frame.columns else told)
    panels = [rows.iloc[::-1].reset_index(drop=True) for _, rows in frame.groupby("unit", sort=False)]
    sizes = [len(rows) for rows in panels]
    figure.set_size_inches(WIDTH, 0.5 + 0.4 * sum(sizes) + 0.62 * len(panels))
    axes = figure.subplots(len(panels), 1, height_ratios=[n + 0.4 for n in sizes], squeeze=False).ravel()
    for ax, rows in zip(axes, panels, strict=True):
        y = rows.index.to_numpy(float)
        ax.axvline(0, color=SOFT, lw=0.9, zorder=1)
        marks.intervals(ax, y, rows, face=BLUE, upright=False)
        if "planted" in rows.columns:
            ax.plot(rows["planted"], y, ls="", marker="D", ms=9, mfc="none", mec=ORANGE, mew=1.8, zorder=4)
        ax.set_yticks(y, [textwrap.fill(show_year(t), 36) for t in rows["label"]])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set(ylim=(-0.7, len(rows) - 0.3), xlabel=rows["unit"].iloc[0])
    if "planted" in frame.columns:
        marks.planted_legend(figure)


def chances(figure: Figure, table: Table) -> None:
    """Draw a chance in percent over a value, each step of the value as wide as its ratio."""
    rows = visible(table).sort_values("value")
    figure.set_size_inches(WIDTH, 3.0)
    ax = figure.subplots()
    ax.axhline(50, color=SOFT, lw=0.9, ls=(0, (4, 3)), zorder=1)
    ax.plot(rows["value"], rows["chance"], color=BLUE, lw=2, marker="o", ms=5, clip_on=False, zorder=3)
    ax.set_xscale("log")
    ax.set_xticks(rows["value"], [show_number(value) for value in rows["value"]], minor=False)
    ax.minorticks_off()
    ax.set(ylim=(0, 100), xlabel=table.labels.get("value", "Value"), ylabel="")
    ax.set_title(table.labels.get("chance", "Chance, percent"))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=marks.STEPS))


def forest(figure: Figure, table: Table) -> None:
    """Draw each study with its interval, its square as large as its weight, and what they say together below.

    So many studies that their names would not fit a page are drawn in order of value, without names.
    """
    frame = visible(table)
    alone = frame["part"] == "study"
    few = alone.sum() <= LISTED
    frame = frame if few else pd.concat([frame[alone].sort_values("value"), frame[~alone]])
    rows = frame.iloc[::-1].reset_index(drop=True)
    study = (rows["part"] == "study").to_numpy()
    tall = np.where(study, 0.26 if few else 0.03, 0.34)
    y = np.cumsum(tall) - tall / 2
    figure.set_size_inches(WIDTH, 0.75 + tall.sum())
    ax = figure.subplots()
    ax.axvline(0, color=SOFT, lw=0.9, zorder=1)
    told = rows[study]
    ax.hlines(y[study], told["low"], told["high"], color=BLUE if few else FAINT, lw=1.6 if few else 0.9)
    sizes = 12 + 5 * told["weight"].clip(upper=40) if few else 3
    ax.scatter(told["value"], y[study], s=sizes, marker="s", color=BLUE, zorder=3)
    near = rows[rows["part"] != "range"]
    low, high = near["low"].min(), near["high"].max()
    room = (high - low) / 2
    marks.together(ax, y[~study], rows[~study], within=(low - room, high + room))
    named = np.full(len(rows), few) | ~study
    ax.set_yticks(y[named], [textwrap.shorten(str(t), 36, placeholder=" …") for t in rows["label"][named]])
    ax.tick_params(axis="y", length=0)
    marks.write_columns(ax, y[named], rows[named], digits=table.digits)
    if study.any() and not study.all():
        ax.axhline(tall[~study].sum(), color=SOFT, lw=0.8)
    ax.spines["left"].set_visible(False)
    ax.set(ylim=(0, tall.sum()), xlabel=table.labels.get("value", "Effect"), ylabel="")


def funnel(figure: Figure, table: Table) -> None:
    """Draw each study's effect over its standard error, the surest on top, between the limits of chance."""
    rows = visible(table)
    figure.set_size_inches(WIDTH, 3.6)
    ax = figure.subplots()
    center, deep = float(rows["center"].iloc[0]), 1.08 * float(rows["se"].max())
    ax.plot([center, center], [0, deep], color=SOFT, lw=0.9, zorder=1)
    for side in (-CHANCE, CHANCE):
        ax.plot([center, center + side * deep], [0, deep], color=SOFT, lw=0.9, ls=(0, (5, 3)), zorder=1)
    ax.plot(rows["value"], rows["se"], ls="", marker="o", ms=6, mfc=BLUE, mec="white", mew=0.8, zorder=3)
    ax.set(ylim=(deep, 0), xlabel=table.labels.get("value", "Effect"), ylabel="")
    ax.set_title(table.labels.get("se", "Standard error"))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=marks.STEPS))


def _groups(table: Table) -> list[str]:
    return list(dict.fromkeys(table.frame["group"]))


def _line(rows: pd.DataFrame, time: str, value: str, years: list[int]) -> pd.Series:
    """Give the values by year, missing where a year is left out or hidden."""
    return pd.Series(rows[value].to_numpy(float), index=marks.start_years(rows[time])).reindex(years)


def _time(table: Table) -> str:
    return next(c for c in ("year", "wave") if c in table.frame.columns)


def _values(table: Table) -> list[str]:
    """Name the columns with something to draw, in printed order: numbers that are neither keys nor counts."""
    numbers = table.frame.select_dtypes("number").columns
    ordered = dict.fromkeys([*table.labels, *numbers])
    return [c for c in ordered if c in numbers and c not in _KEYS and not c.endswith("_n")]


def _by_arm(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if "arm" not in frame.columns:
        yield "All schools", frame
        return
    yield from frame.groupby("arm", sort=True)


def _rows_of_bars(frame: pd.DataFrame) -> tuple[np.ndarray, list[str], list[tuple[float, str]]]:
    """Place the bars: by item, and under an item's name its waves, where there are several."""
    items = frame["item"].astype(str)
    if "wave" not in frame.columns or not items.duplicated().any():
        return np.arange(len(frame), dtype=float), [textwrap.fill(t, 40) for t in items], []
    block = items.ne(items.shift()).cumsum()
    places = np.arange(len(frame)) + 1.15 * block.to_numpy(float)
    first = ~block.duplicated()
    heads = [(places[i] - 1.0, items[i]) for i in frame.index[first]]
    rest = [c for c in ("wave", "arm") if c in frame.columns]
    names = [", ".join(show_year(x) for x in row) for row in frame[rest].itertuples(index=False)]
    return places, names, heads
