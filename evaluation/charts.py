"""Pictures of runs and tournaments: figures that become PNG files or parts of a page."""

import io
import re
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from common.command_line import one_line

INK = "#0a0b0c"  # becomes the page's text color in `svg`
COLORS = ("#2f7fc1", "#d9692a", "#2a9d74", "#b565a7", "#a3892c", "#7a7f87", "#c8435f", "#3fa7b5")
DASHES = ("-", "--", ":", "-.")  # of a first learner's lines, a second's
STYLE = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "charts", "font.size": 9,
         "axes.prop_cycle": matplotlib.cycler(color=COLORS), "axes.spines.top": False,
         "axes.spines.right": False, "legend.frameon": False, "axes.titlelocation": "left",
         "axes.titleweight": "bold", "axes.titlesize": 10, "grid.alpha": 0.25, "axes.grid": True,
         "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
         "ytick.color": INK, "grid.color": INK}


@contextmanager
def new_figure(width, height, **labels):
    """Yields (figure, axes) in the common style; width and height in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set(**{name: one_line(text) for name, text in labels.items()})
        yield figure, axes


def svg(figure):
    """The figure as an <svg> element for a page: its text in the page's font and color."""
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(text, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.06,
                       metadata={"Date": None})
    text = text.getvalue()[text.getvalue().index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    return text.replace(INK, "currentColor")


def heat_map(labels, wins, ties, title=""):
    """Who beats whom, and how often.

    labels: n names; wins, ties: [n, n] shares in [0, 1] of the row against the column, NaN for
    pairs that have not met.
    """
    n, labels = len(labels), [one_line(label) for label in labels]
    side = max(3.2, 1.1 + 0.66 * n)
    cells = n <= 24  # more are too small for text
    with new_figure(side + 1.3, side, title=title) as (figure, axes):
        shown = axes.imshow(wins, cmap="viridis", vmin=0, vmax=1)
        for i, j in np.argwhere(~np.isnan(wins)) if cells else ():
            color = "white" if wins[i, j] < 0.6 else "black"
            axes.text(j, i - 0.1, f"{wins[i, j]:.0%}".replace("%", " %"), ha="center",
                      va="center", color=color, fontsize=8.5)
            axes.text(j, i + 0.24, f"{ties[i, j]:.0%} ties".replace("%", " %"), ha="center",
                      va="center", color=color, fontsize=6.5)
        axes.set_xticks(range(n), labels, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n), labels)
        axes.set(xlabel="against", ylabel="matches won by")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, label="share of matches won")
        bar.outline.set_visible(False)
    return figure


def ratings(rows):
    """Ratings with 95 % intervals; rows: dicts with entrant, rating, low, high, best first."""
    with new_figure(6, 0.9 + 0.28 * len(rows), xlabel="rating in Elo points, 95 % interval",
                    title="Strength") as (figure, axes):
        for k, row in enumerate(rows):
            axes.plot([row["low"], row["high"]], [-k, -k], color=COLORS[0], lw=2, alpha=0.55)
            axes.plot(row["rating"], -k, "o", color=COLORS[0], ms=5)
        axes.set_yticks([-k for k in range(len(rows))], [one_line(row["entrant"]) for row in rows])
        axes.set_ylim(0.6 - len(rows), 0.4)
    return figure


def history(rows):
    """Strength over training: one line per learner; rows: as `ratings`, with series, iteration."""
    with new_figure(6, 3.6, xlabel="iteration", ylabel="rating in Elo points, 95 % interval",
                    title="Strength over training") as (figure, axes):
        for k, series in enumerate(sorted({row["series"] for row in rows if row["series"]})):
            mine = sorted((row for row in rows if row["series"] == series),
                          key=lambda row: row["iteration"])
            x = [row["iteration"] for row in mine]
            axes.fill_between(x, [row["low"] for row in mine], [row["high"] for row in mine],
                              color=COLORS[k % len(COLORS)], alpha=0.2, lw=0)
            axes.plot(x, [row["rating"] for row in mine], "o-", ms=4, label=one_line(series),
                      color=COLORS[k % len(COLORS)])
        for k, row in enumerate(row for row in rows if not row["series"]):
            axes.axhline(row["rating"], ls="--", lw=1, color=COLORS[-1 - k % len(COLORS)],
                         label=one_line(row["entrant"]))
        axes.legend()
    return figure


def style_endings(columns):
    """{column: (name, style)} for a log's columns such as "agent0/end_touchdown".

    Every ending has its color and every learner its dashes; the name says whose matches end so
    where there are several learners, who play different ones.
    """
    parts = [column.split("/end_") for column in columns]
    learners, endings = (list(dict.fromkeys(part[k] for part in parts)) for k in (0, 1))
    return {column: (f"{learner}: " * (len(learners) > 1) + ending.replace("_", " "),
                     f"C{endings.index(ending)}{DASHES[learners.index(learner) % len(DASHES)]}")
            for column, (learner, ending) in zip(columns, parts)}


def curves(title, ylabel, xlabel, lines, marker=""):
    """Lines over training; lines: {name: (x, y, style)}, as Matplotlib writes a style or ""."""
    with new_figure(4.6, 2.9, title=title, xlabel=xlabel, ylabel=ylabel) as (figure, axes):
        for name, line in lines.items():
            axes.plot(*line, marker=marker, ms=3, lw=1.4, label=one_line(name))
        if ylabel.startswith("share"):
            axes.set_ylim(-0.02, 1.02)
        axes.legend(fontsize=7.5, ncols=1 if len(lines) < 5 else 2)
    return figure
