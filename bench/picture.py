"""The calibration table as one picture: python bench/picture.py, or as part of the calibration bench."""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

HERE = Path(__file__).parent
DEFAULT = "**the product's default**"
DRAWN = {  # method in the table: what the picture calls it, mark, color
    DEFAULT: ("rpeval’s default", "o", "#0b3c5d"),
    "two-way fixed effects, CR1": ("two-way fixed effects, clustered", "x", "#b5541c"),
    "Callaway–Sant'Anna, usual default": ("Callaway–Sant’Anna, usual standard error", "+", "#4d7c3a"),
    "two-way fixed effects, wild bootstrap": ("two-way fixed effects, wild bootstrap", "|", "#777777"),
}
STYLE = {"font.family": ["DejaVu Sans"], "font.size": 9, "svg.hashsalt": "rpeval", "svg.fonttype": "path",
         "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False}  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Draw one row for each design and one mark for each method; the gray band is the target."""
    designs = list(dict.fromkeys(table["design"]))
    figure = Figure(figsize=(9.2, 0.235 * len(designs) + 1.5), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(93, 97, color="#e4e9ee", zorder=0)
    for method, (label, mark, color) in DRAWN.items():
        own = table[table["method"] == method]
        places = [designs.index(design) for design in own["design"]]
        axes.scatter(own["coverage"], places, marker=mark, s=34, color=color, label=label, zorder=3)
    axes.set_yticks(range(len(designs)), designs)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(designs) - 0.4, -0.6)
    axes.set_xlabel("Intervals that hold the true effect, in percent (nominal 95; the band is 93 to 97)")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, handletextpad=0.3)
    return figure


def write(table: pd.DataFrame, folder: Path, name: str = "calibration") -> Path:
    """Write the picture beside the table; the same table gives the same bytes."""
    path = folder / f"{name}.svg"
    with matplotlib.rc_context(STYLE):
        FigureCanvasSVG(draw(table)).print_svg(path, metadata=dict.fromkeys(("Date", "Creator")))
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(write(pd.read_csv(HERE / "calibration.csv"), HERE))
