"""What an experiment writes: result.json, table.md and pictures, whole."""

import os
from dataclasses import dataclass

from common.files import write_json, write_whole


@dataclass(frozen=True)
class Table:
    """title: a line; headers: the columns'; rows: lists of words."""

    title: str
    headers: list
    rows: list

    def markdown(self):
        """The table for table.md."""
        from tabulate import tabulate

        return f"### {self.title}\n\n" + tabulate(
            self.rows, self.headers, tablefmt="pipe", disable_numparse=True)


@dataclass(frozen=True)
class Conclusion:
    """result: dict for JSON; tables: list of `Table`s; figure: a matplotlib `Figure`."""

    result: dict
    tables: list
    figure: object


def write(folder, manifest, conclusions, notes):
    """Writes all files; result.json comes last.

    conclusions: {name of the picture: `Conclusion`}; notes: lines below the tables.
    """
    parts = [f"# {manifest['experiment']}, {manifest['scale']}"]
    for name, conclusion in conclusions.items():
        parts += [f"## {name}", *(table.markdown() for table in conclusion.tables),
                  f"![{name}](figure-{name}.png)"]
        write_whole(os.path.join(folder, f"figure-{name}.png"), lambda file, drawn=conclusion: (
            drawn.figure.savefig(file, format="png", dpi=130)))
    text = "\n\n".join([*parts, *notes]) + "\n"
    write_whole(os.path.join(folder, "table.md"), lambda file: file.write(text.encode()))
    write_json(os.path.join(folder, "result.json"), {
        **manifest, "results": {name: found.result for name, found in conclusions.items()}})


def percent(found):
    """A share from `shares.share` as the text of a cell."""
    if found["share"] is None:
        return "-"
    low, high = found["interval"]
    return f"{found['share']:.0%} [{low:.0%}, {high:.0%}]".replace("%", " %")


def draw_curves(title, ylabel, lines):
    """The figure of shares over training; lines: {name: list of dicts with version, and share
    and interval as from `shares.share`}."""
    from evaluation import charts

    with charts.new_figure(6, 3.6, title=title, xlabel="iteration", ylabel=ylabel) as (figure,
                                                                                      axes):
        for k, (name, points) in enumerate(lines.items()):
            points = [point for point in points if point["share"] is not None]
            color, x = charts.COLORS[k % len(charts.COLORS)], [p["version"] for p in points]
            axes.fill_between(x, *zip(*(p["interval"] for p in points)), color=color, alpha=0.15,
                              lw=0)
            axes.plot(x, [p["share"] for p in points], "o-", ms=4, color=color, label=name)
        axes.set_ylim(-0.02, 1.02)
        axes.legend()
    return figure


def draw_matrix(title, arms, cells):
    """The figure of who beats whom; cells: as from `shares.matrix`."""
    import numpy as np

    from evaluation import charts

    def values(what):
        return np.array([[np.nan if row == column or cells[row][column][what]["share"] is None
                          else cells[row][column][what]["share"] for column in arms]
                         for row in arms])

    return charts.heat_map(list(arms), values("wins"), values("ties"), title)
