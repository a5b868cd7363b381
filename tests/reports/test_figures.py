"""The figures draw the released rows, all of them and nothing else."""

import re
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from rpeval.errors import FindingError
from rpeval.findings import Table
from rpeval.findings.store import frame_text, read_frame
from rpeval.reports import figures
from rpeval.reports.drawing import KEPT, marks, palette
from rpeval.reports.drawing.svgtext import share_glyphs


def table(frame, figure, labels=None, alt="What it shows.", id="a.table", told=None):
    frame = pd.DataFrame(frame)
    labels = labels or {c: c for c in frame.columns}
    return Table(id, "Title", frame, labels, figure=figure, alt=alt, marks=told or {})


def lines(figure):
    """Give the drawn points of each line as (x, y), points that are gaps left out."""
    drawn = []
    for ax in figure.axes:
        for line in ax.lines:
            x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
            drawn.append([(a, b) for a, b in zip(x, y, strict=True) if np.isfinite(b)])
    return drawn


def texts(figure):
    return [t.get_text() for t in figure.findobj(plt.Text) if t.get_text()]


TREND = table(
    {"year": [2018, 2019, 2021, 2022] * 2, "arm": ["adopting"] * 4 + ["comparison"] * 4, "schools_n": [5] * 8,
     "oss_per_100": [9.0, 8.0, 6.0, 5.0, 7.0, 7.5, 7.0, 6.5], "starts_n": [0, 0, 5, 0] + [0] * 4},
    "trend",
)  # fmt: skip
EVENT = table({"event_time": [-2, -1, 0, 1], "value": [0.1, -0.1, -1.0, -2.0], "low": [-1, -1, -2, -3.0],
               "high": [1, 1, 0.0, -1.0]}, "event")  # fmt: skip
GROUPS = table({"year": [2018, 2019] * 3, "group": ["A", "A", "B", "B", "C", "C"],
                "oss_per_100": [1.0, 2, 3, 4, 5, 6]}, "groups")  # fmt: skip
DOTS = table({"school_name": ["X", "Y", "Z"], "value": [0.3, -0.2, 0.1]}, "dots")
STACK = table({"item": ["I", "I", "J", "J"], "wave": [2018, 2023] * 2, "students_n": [99] * 4, "a": [0.1, 0.2, 0.3, 0.1],
               "b": [0.2, 0.2, 0.1, 0.1], "c": [0.3, 0.3, 0.3, 0.4], "d": [0.4, 0.3, 0.3, 0.4]}, "stack")  # fmt: skip
PLANTED = table({"label": ["P", "Q", "R"], "unit": ["u", "u", "v"], "planted": [1.0, 2.0, 30.0],
                 "found": [1.1, 2.2, 33.0], "low": [0.5, 1.5, 20.0], "high": [1.5, 2.5, 40.0]}, "planted")  # fmt: skip
INTERVALS = table({"label": [2016, 2017, 2018], "value": [0.5, -0.2, -2.0], "low": [-1.0, -1.5, -3.0],
                   "high": [2.0, 1.0, -1.0]}, "intervals", {"label": "Start", "value": "Effect"})  # fmt: skip
BY_YEAR = table({"year": [2018, 2019, 2021], "value": [-1.0, -1.5, -2.0], "low": [-2.0, -2.5, -3.0],
                 "high": [0.0, -0.5, -1.0]}, "event")  # fmt: skip
CHANCES = table({"value": [25.0, 100.0, 400.0], "chance": [3.0, 40.0, 96.0]}, "chances")
FOREST = table({"label": ["East", "West", "Mean", "Same", "Further"], "part": ["study"] * 2 + ["pooled", "other", "range"],
                "value": [-1.0, -3.0, -2.0, -2.1, -2.0], "low": [-2.0, -5.0, -4.0, -3.0, -9.0],
                "high": [0.0, -1.0, 0.5, -1.2, 5.0], "weight": [60.0, 40.0] + [None] * 3}, "forest")  # fmt: skip
FUNNEL = table({"value": [-1.0, -3.0, 0.5], "se": [0.5, 1.0, 2.0], "center": [-1.5] * 3}, "funnel")
ALL = {"forest": FOREST, "funnel": FUNNEL, "chances": CHANCES, "trend": TREND, "event": EVENT, "groups": GROUPS, "dots": DOTS, "stack": STACK, "planted": PLANTED,
       "intervals": INTERVALS}  # fmt: skip
TOLD = {2021: "New code of conduct", 2019: "Counselors added"}


def test_a_chance_is_drawn_over_its_value_and_half_is_marked():
    drawn = lines(figures.draw(CHANCES))
    assert [(25.0, 3.0), (100.0, 40.0), (400.0, 96.0)] in drawn
    assert any({y for _, y in line} == {50.0} for line in drawn)


def test_a_forest_tells_what_the_districts_found_and_what_they_say_together():
    figure = figures.draw(FOREST)
    said = texts(figure)
    assert {"East", "West", "Mean", "Same", "Further", "60%", "40%"} <= set(said)
    assert {"−1.0  (−2.0 to 0.0)", "−2.0  (−4.0 to 0.5)", "(−9.0 to 5.0)"} <= set(said)
    ax = figure.axes[0]
    places = {t.get_text(): y for t, y in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert sorted(places, key=places.get, reverse=True) == ["East", "West", "Mean", "Same", "Further"]
    assert sorted(x for x, _ in ax.collections[-1].get_offsets()) == [-3.0, -1.0]
    diamonds = [sorted({x for x, _ in patch.get_xy()}) for patch in ax.patches]
    assert diamonds == [[-3.0, -2.1, -1.2], [-4.0, -2.0, 0.5]] or diamonds == [
        [-4.0, -2.0, 0.5],
        [-3.0, -2.1, -1.2],
    ]


def test_a_range_far_beyond_the_districts_ends_in_arrows_and_its_numbers_are_told():
    """Studies reach from −5 to 0.5, so nothing is drawn beyond half of that to each side."""
    wide = table({**FOREST.frame.to_dict("list"), "low": [-2.0, -5.0, -4.0, -3.0, -90.0], "high": [0.0, -1.0, 0.5, -1.2, 70.0]},
                 "forest")  # fmt: skip
    ax = figures.draw(wide).axes[0]
    ends = {
        line.get_marker(): line.get_xdata()[0]
        for line in ax.lines
        if line.get_marker() in "<>|" and line.get_marker()
    }
    assert ends == {"<": -5 - 2.75, ">": 0.5 + 2.75}
    assert "(−90.0 to 70.0)" in texts(ax.figure)
    near = table({**FOREST.frame.to_dict("list"), "low": [-2.0, -5.0, -4.0, -3.0, -6.0], "high": [0.0, -1.0, 0.5, -1.2, 2.0]},
                 "forest")  # fmt: skip
    assert [line.get_marker() for line in figures.draw(near).axes[0].lines].count("|") == 2


def test_a_forest_of_many_keeps_to_a_page():
    k = 200
    many = table({"label": [f"D{i}" for i in range(k)] + ["Mean"], "part": ["study"] * k + ["pooled"],
                  "value": np.linspace(-3, 1, k + 1), "low": np.linspace(-5, 0, k + 1), "high": np.linspace(-2, 2, k + 1),
                  "weight": [0.5] * k + [None]}, "forest")  # fmt: skip
    figure = figures.draw(many)
    assert figure.get_figheight() < 9
    assert "Mean" in texts(figure)
    assert "D7" not in texts(figure)


def test_a_funnel_puts_the_surest_on_top_between_the_limits_of_chance():
    figure = figures.draw(FUNNEL)
    assert [(-1.0, 0.5), (-3.0, 1.0), (0.5, 2.0)] in lines(figure)
    bottom, top = figure.axes[0].get_ylim()
    assert (bottom, top) == (pytest.approx(2.16), 0)
    ends = sorted(line[1][0] for line in lines(figure) if len(line) == 2)
    assert ends == pytest.approx([-1.5 - 1.96 * 2.16, -1.5, -1.5 + 1.96 * 2.16])


def test_every_kind_is_tried():
    assert set(ALL) == set(figures.KINDS)


def test_trend_draws_the_rows_and_leaves_a_gap_for_the_year_left_out():
    figure = figures.draw(TREND)
    drawn = [p for line in lines(figure) for p in line if p[0] > 2000 and p[1] > 1]
    assert sorted(drawn) == sorted(zip(TREND.frame["year"], TREND.frame["oss_per_100"], strict=True))
    assert all(b[0] - a[0] == 1 for line in lines(figure) for a, b in pairwise(line))
    assert "2020-21\nleft out" in texts(figure)
    assert {"Adopting schools", "Comparison schools", "5 start"} <= set(texts(figure))
    assert "2021-22" in texts(figure)


def test_trend_reads_years_as_text_and_a_study_without_arms():
    figure = figures.draw(table({"year": ["2018-19", "2019-20"], "oss_per_100": [4.0, 3.0]}, "trend"))
    assert [(2018, 4.0), (2019, 3.0)] in lines(figure)
    assert "All schools" in texts(figure)


@pytest.mark.parametrize("kind", ["trend", "groups"])
def test_hidden_rows_are_not_drawn(kind):
    frame = ALL[kind].frame.assign(suppressed=False)
    frame.loc[1, ["oss_per_100", "suppressed"]] = [777.0, True]
    figure = figures.draw(table(frame, kind, labels=dict(ALL[kind].labels)))
    values = {p[1] for line in lines(figure) for p in line}
    assert 777.0 not in values
    assert frame["oss_per_100"].iloc[2] in values


def test_a_group_that_is_wholly_hidden_keeps_its_panel():
    frame = GROUPS.frame.assign(suppressed=[False] * 4 + [True] * 2)
    frame.loc[4:, "oss_per_100"] = np.nan
    assert {"C", "hidden to protect students"} <= set(texts(figures.draw(table(frame, "groups"))))


def test_event_draws_points_and_intervals_without_stars():
    figure = figures.draw(EVENT)
    ax = figure.axes[0]
    zero, before, after = lines(figure)
    assert {y for _, y in zero} == {0.0}
    assert before + after == list(zip(EVENT.frame["event_time"], EVENT.frame["value"], strict=True))
    ends = sorted(
        tuple(s[:, 1]) for c in ax.collections if hasattr(c, "get_segments") for s in c.get_segments()
    )
    assert ends == sorted(zip(EVENT.frame["low"], EVENT.frame["high"], strict=True))
    assert not any("*" in t for t in texts(figure))
    assert {"before the program", "with the program"} <= set(texts(figure))


def test_event_by_school_year_leaves_a_gap_and_no_side_without_the_program():
    figure = figures.draw(BY_YEAR)
    assert [(2018, -1.0), (2019, -1.5), (2021, -2.0)] in lines(figure)
    assert {"2018-19", "2020-21\nleft out"} <= set(texts(figure))
    assert not {"before the program", "Years since the program started"} & set(texts(figure))


@pytest.mark.parametrize("kind", [TREND, GROUPS, BY_YEAR], ids=["trend", "groups", "event"])
def test_marks_are_dotted_lines_with_a_letter_and_their_words_below(kind):
    years = {2018: 2019, 2019: 2021} if kind is GROUPS else {}
    frame = kind.frame.assign(year=kind.frame["year"].replace(years))
    figure = figures.draw(table(frame, kind.figure, dict(kind.labels), told=TOLD))
    panels = [ax for ax in figure.axes if ax.get_visible()]
    for ax in panels:
        drawn = [line for line in ax.lines if line.is_dashed() and line.get_zorder() < 1]
        assert [line.get_xdata()[0] for line in drawn] == [2019, 2021]
        assert {"A", "B"} <= {t.get_text() for t in ax.texts}
    assert "A, 2019-20: Counselors added\nB, 2021-22: New code of conduct" in texts(figure)
    plain = figures.draw(table(frame, kind.figure, dict(kind.labels)))
    assert not {"A", "B"} & {t.get_text() for ax in plain.axes for t in ax.texts}
    assert figure.get_figheight() > plain.get_figheight()


def test_long_words_of_a_mark_stay_on_the_paper():
    figure = figures.draw(table(TREND.frame, "trend", dict(TREND.labels), told={2019: "word " * 60}))
    FigureCanvasAgg(figure).draw()
    told = next(t for t in figure.findobj(plt.Text) if t.get_text().startswith("A, 2019-20"))
    box = told.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 < figure.axes[0].get_window_extent().y0


def test_intervals_are_rows_from_the_top_with_a_line_at_zero():
    figure = figures.draw(INTERVALS)
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2018-19", "2017-18", "2016-17"]
    assert [(-2.0, 0.0), (-0.2, 1.0), (0.5, 2.0)] in lines(figure)
    ends = sorted(tuple(s[:, 0]) for c in ax.collections for s in c.get_segments())
    assert ends == sorted(zip(INTERVALS.frame["low"], INTERVALS.frame["high"], strict=True))
    assert [(0.0, 0.0), (0.0, 1.0)] in lines(figure)
    assert ax.get_xlabel() == "Effect"
    assert not {"Planted"} & set(texts(figure))


def test_a_row_without_an_estimate_is_not_drawn():
    refused = INTERVALS.frame.assign(value=[0.5, np.nan, -2.0])
    labels = [t.get_text() for t in figures.draw(table(refused, "intervals")).axes[0].get_yticklabels()]
    assert labels == ["2018-19", "2016-17"]


def test_groups_share_one_scale_and_each_stands_out_once():
    figure = figures.draw(GROUPS)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["A", "B", "C"]
    assert len({ax.get_ylim() for ax in shown}) == 1
    strong = [[tuple(line.get_ydata()) for line in ax.lines if line.get_linewidth() == 2] for ax in shown]
    assert strong == [[(1.0, 2.0)], [(3.0, 4.0)], [(5.0, 6.0)]]


def test_dots_are_sorted_and_named():
    figure = figures.draw(DOTS)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["Y", "Z", "X"]
    assert [(-0.2, 0.0), (0.1, 1.0), (0.3, 2.0)] in lines(figure)


def test_many_dots_name_only_the_ends():
    names = [f"School {i:02d}" for i in range(60)]
    figure = figures.draw(table({"school_name": names, "value": np.arange(60.0)}, "dots"))
    assert {t for t in texts(figure) if t.startswith("School ")} == {"School 00", "School 59"}


def test_dots_that_would_touch_are_a_line():
    values = [float((17 * i) % 401) for i in range(401)]
    names = [f"School {i}" for i in range(401)]
    figure = figures.draw(table({"school_name": names, "value": values}, "dots"))
    drawn = next(line for line in figure.axes[0].lines if len(line.get_xdata()) > 2)
    assert list(drawn.get_xdata()) == sorted(values)
    assert drawn.get_marker() in (None, "", "None")


def test_bars_meet_at_the_middle_and_keep_their_shares():
    figure = figures.draw(STACK)
    bars = sorted(
        (round(p.get_y(), 6), round(p.get_x(), 6), round(p.get_width(), 6)) for p in figure.axes[0].patches
    )
    first = bars[:4]
    assert [b[2] for b in first] == [10, 20, 30, 40]
    assert [b[1] for b in first] == [-30, -20, 0, 30]
    assert {"I", "J", "2018-19", "2023-24"} <= set(texts(figure))


def test_an_odd_number_of_categories_is_split_in_its_middle():
    figure = figures.draw(table({"item": ["I"], "a": [20.0], "b": [40.0], "c": [40.0]}, "stack"))
    assert [p.get_x() for p in figure.axes[0].patches] == [-40, -20, 20]


def test_planted_draws_one_panel_per_unit():
    figure = figures.draw(PLANTED)
    assert [ax.get_xlabel() for ax in figure.axes] == ["u", "v"]
    drawn = [line for line in lines(figure) if line]
    assert [(2.0, 0.0), (1.0, 1.0)] in drawn
    assert [(33.0, 0.0)] in drawn


def test_of_many_planted_values_every_miss_is_drawn():
    from rpeval.reports.drawing.kinds import drawn_rows

    n = 30
    frame = pd.DataFrame({"label": [f"Effect {i}" for i in range(n)], "planted": 0.0, "found": 1.0, "low": 0.5, "high": 2.0,
                          "unit": "x", "inside": ["no" if i in (20, 29) else "yes" for i in range(n)]})  # fmt: skip
    kept = drawn_rows(table(frame, "planted"))["label"].tolist()
    assert kept == [f"Effect {i}" for i in (*range(10), 20, 29)]


@pytest.mark.parametrize("kind", list(ALL))
def test_the_svg_is_plain_named_and_repeatable(kind):
    told = table(ALL[kind].frame, kind, labels=dict(ALL[kind].labels), alt='Less than "5" & more <b>')
    svg = figures.svg(told)
    assert svg.startswith('<svg role="img" aria-labelledby="figure-a-table-alt"')
    assert 'Less than "5" &amp; more &lt;b&gt;</title>' in svg
    assert not re.search(r"<text|<style|<metadata|<script|<image|<!--|<\?xml", svg)
    ids = re.findall(r'\sid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) <= set(ids)
    assert figures.svg(told) == svg


def test_pictures_on_one_page_share_letters_and_no_ids():
    a, b = (
        figures.svg(table(DOTS.frame, "dots", id="a.one")),
        figures.svg(table(DOTS.frame, "dots", id="a.two")),
    )
    one, two = share_glyphs([a, b])
    ids = re.findall(r'\sid="([^"]+)"', one + two)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', one + two)) <= set(ids)
    assert len(two) < len(b)


def test_a_notebook_shows_the_same_picture_and_nothing_stays_open():
    figure = figures.draw(DOTS)
    assert figure._repr_svg_() == figures.svg(DOTS)
    assert plt.get_fignums() == []


def test_refusals():
    with pytest.raises(FindingError, match="There is no figure 'pie'"):
        figures.draw(table(DOTS.frame, "pie"))
    with pytest.raises(FindingError, match="A dots figure is not drawn over years"):
        figures.draw(table(DOTS.frame, "dots", told=TOLD))
    hidden = DOTS.frame.assign(suppressed=True)
    assert not figures.drawable(table(hidden, "dots"))
    with pytest.raises(FindingError, match="needs the columns year or wave, group"):
        figures.draw(table(DOTS.frame, "groups"))
    with pytest.raises(FindingError, match=r"1 rows repeat a point \(year\)"):
        figures.draw(table({"year": [2018, 2018], "oss_per_100": [1.0, 2.0]}, "trend"))
    with pytest.raises(FindingError, match="Every row is hidden"):
        figures.draw(table(hidden, "dots"))


def luminance(color):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


class TestKeptFigures:
    """What a run's notebook drew, for the run's own pages."""

    def test_a_kept_picture_is_the_one_that_would_be_drawn(self, tmp_path, monkeypatch):
        thirds = replace(DOTS, frame=DOTS.frame.assign(value=[1 / 3, -2 / 7, 1e-17]))
        monkeypatch.setenv(KEPT, str(tmp_path))
        shown = [figures.draw(each)._repr_svg_() for each in (TREND, thirds)]
        monkeypatch.delenv(KEPT)
        read = replace(thirds, frame=read_frame(frame_text(thirds.frame)), notebook="01", cell="c7")
        kept = figures.find_kept({"t": TREND, "d": read, "e": EVENT}, tmp_path)
        assert kept == {"t": shown[0], "d": shown[1]} == {"t": figures.svg(TREND), "d": figures.svg(read)}

    @pytest.mark.parametrize("other", [
        {"frame": DOTS.frame.assign(value=[0.3, -0.2, 0.11])}, {"alt": "Another."}, {"labels": {"value": "V"}},
        {"figure": "stack"}, {"marks": {2020: "x"}}, {"title": "Another"}, {"id": "b.table"},
    ])  # fmt: skip
    def test_a_table_that_differs_in_anything_is_drawn_anew(self, tmp_path, monkeypatch, other):
        monkeypatch.setenv(KEPT, str(tmp_path))
        figures.draw(DOTS)
        assert figures.find_kept({"d": DOTS}, tmp_path)
        assert not figures.find_kept({"d": replace(DOTS, **other)}, tmp_path)

    def test_a_figure_that_was_changed_shows_it_and_the_kept_one_does_not(self, tmp_path, monkeypatch):
        monkeypatch.setenv(KEPT, str(tmp_path))
        figure = figures.draw(DOTS)
        before = figure._repr_svg_()
        figure.axes[0].set_xlim(0, 9)
        assert figure._repr_svg_() != before
        assert figures.find_kept({"d": DOTS}, tmp_path) == {"d": before}


@pytest.mark.parametrize("color", [palette.INK, palette.SOFT, palette.BLUE, palette.ORANGE])
def test_text_and_lines_stand_out_from_the_paper(color):
    for paper in ("#ffffff", palette.SHADE):
        assert (luminance(paper) + 0.05) / (luminance(color) + 0.05) >= 4.5


def test_arms_differ_without_color():
    a, b = marks.ARMS["adopting"], marks.ARMS["comparison"]
    assert all(a[k] != b[k] for k in ("linestyle", "marker", "markerfacecolor"))
