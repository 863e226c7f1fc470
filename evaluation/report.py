"""One page for a run or a tournament: curves, matrix, ratings, clips, configuration.

The page is self-contained and loads nothing. Jinja2 escapes the files' contents.
"""

import base64
import csv
import glob
import json
import os
import time
from dataclasses import dataclass

import jinja2
import numpy as np

from common.command_line import InputError
from common.files import write_whole
from evaluation import charts

HERE = os.path.dirname(os.path.abspath(__file__))
CLIP_TYPES = {".mp4": "video/mp4", ".gif": "image/gif"}
MAX_CLIP_BYTES = 64 * 2**20  # of all clips together
POINTS = 300  # of a curve


@dataclass(frozen=True)
class Panel:
    """A chart of learning curves.

    figure: the column's name after "agentK/"; several: it is the start of several names.
    endings: how a learner's matches end, so without columns of zeros.
    rare: only some iterations have a value, so each is marked.
    """

    title: str
    unit: str
    figure: str
    several: bool = False
    endings: bool = False
    rare: bool = False

    def shows(self, column, values):
        """Whether a column belongs to this panel and holds what can be drawn."""
        learner, _, figure = column.partition("/")
        fits = figure.startswith(self.figure) if self.several else figure == self.figure
        return (learner.startswith("agent") and fits and not np.isnan(values).all()
                and (not self.endings or np.nanmax(values) > 0))

    def name(self, column):
        """A line's name in the legend."""
        learner, _, figure = column.partition("/")
        rest = figure.removeprefix(self.figure)
        return f"{learner} v {rest}" if rest else learner

    def lines(self, table, x):
        """{name: (x, y, style)} of the table's columns that belong here, learner by learner."""
        columns = sorted((column for column, values in table.items() if self.shows(column, values)),
                         key=lambda column: column.partition("/")[0])
        named = (charts.style_endings(columns) if self.endings
                 else {column: (self.name(column), "") for column in columns})
        pick = measured if self.rare else thin
        return {name: (*pick(x, table[column]), style) for column, (name, style) in named.items()}


PANELS = (
    Panel("How matches end", "share of matches", "end_", several=True, endings=True),
    Panel("Episode length", "steps", "ep_len"),
    Panel("Return", "reward per match", "ep_ret"),
    Panel("Wins against frozen opponents", "share of matches", "win_vs_pool"),
    Panel("Action noise", "standard deviation", "action_std"),
    Panel("KL divergence of an update", "nats", "kl"),
    Panel("Explained variance of the value", "1 is perfect", "ev_tdlam"),
    Panel("Wins against anchors", "share of matches", "win_v_", several=True, rare=True),
)


def write_page(directory, out=None):
    """Writes the page of a run's or a tournament's folder; returns its path.

    A run's page also shows finished tournaments in its subfolders. out: the file; default:
    report.html in the folder. Raises InputError for any other folder, and for damaged files.
    """
    if not os.path.isdir(directory):
        raise InputError(f"{directory}: no such run, tournament or folder")
    folders = [directory, *sorted(filter(os.path.isdir, glob.glob(
        os.path.join(glob.escape(directory), "*"))))]
    try:
        run = read_run(directory)
        tournaments = [read_tournament(folder) for folder in folders
                       if os.path.exists(os.path.join(folder, "ratings.json"))
                       and os.path.exists(os.path.join(folder, "tournament.json"))]
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
            csv.Error) as error:
        raise InputError(f"{directory}: damaged "
                         f"({type(error).__name__}: {error})") from None
    if not run and not tournaments:
        raise InputError(f"{directory}: neither a run with progress.csv nor a finished "
                         "tournament")
    clips, left_out = read_clips(folders)
    page = render(name=os.path.basename(os.path.abspath(directory)), run=run, clips=clips,
                  tournaments=tournaments, left_out=left_out,
                  made=time.strftime("%Y-%m-%d %H:%M"))
    out = out or os.path.join(directory, "report.html")
    write_whole(out, lambda file: file.write(page.encode(errors="backslashreplace")))
    return out


def render(**parts):
    """Fills in the template."""
    loader = jinja2.FileSystemLoader(HERE)
    world = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True,
                               lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return world.get_template("report.html").render(**parts)


# Runs


def read_run(directory):
    """A run's facts, curves and configuration as a dict, or None for another folder."""
    table = read_table(os.path.join(directory, "progress.csv"))
    if not table:
        return None
    timing = read_table(os.path.join(directory, "timing.csv"))
    config = read_config(os.path.join(directory, "config.json"))
    return {"facts": facts(table, timing), "config": config, "curves": [
        charts.svg(figure) for figure in draw_curves(table)]}


def read_table(path):
    """A CSV file as {column: float array}, {} if it is missing or has no rows."""
    if not os.path.exists(path):
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows])
            for name in (rows[0] if rows else ())}


def read_config(path):
    """The options of a run, as (name, value) texts."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
                for name, value in json.load(file).items()]


def facts(table, timing):
    """The head of the page: (name, value) texts."""
    found = [("iterations", f"{table['iteration'][-1]:,.0f}")]
    for column, name in (("run/timesteps", "environment steps"), ("run/episodes", "matches")):
        if column in table:
            found.append((name, f"{table[column][-1]:,.0f}"))
    if "run/seconds" in timing:
        found.append(("minutes", f"{timing['run/seconds'][-1] / 60:,.1f}"))
    return found


def draw_curves(table):
    """Yields the learning curves as figures, over environment steps if the table has them."""
    x, xlabel = table["iteration"], "iteration"
    if "run/timesteps" in table:
        x, xlabel = table["run/timesteps"] / 1e6, "environment steps, millions"
    for panel in PANELS:
        lines = panel.lines(table, x)
        if lines:
            yield charts.curves(panel.title, panel.unit, xlabel, lines, "o" if panel.rare else "")


def thin(x, values):
    """At most `POINTS` of a curve, each the mean of an equal share of the rows, NaN left out."""
    parts = np.array_split(np.arange(len(x)), min(POINTS, len(x)))
    parts = [part[~np.isnan(values[part])] for part in parts]
    parts = [part for part in parts if part.size]
    return [x[part].mean() for part in parts], [values[part].mean() for part in parts]


def measured(x, values):
    """The rows that hold a number."""
    kept = ~np.isnan(values)
    return x[kept], values[kept]


# Tournaments


def read_tournament(directory):
    """A finished tournament's table and pictures as a dict."""
    with open(os.path.join(directory, "tournament.json")) as file:
        manifest = json.load(file)
    with open(os.path.join(directory, "ratings.json")) as file:
        rows = json.load(file)
    if not rows:
        raise ValueError(f"{os.path.join(directory, 'ratings.json')} has no rows")
    pictures = [charts.svg(charts.heat_map(*read_matrix(directory))),
                charts.svg(charts.ratings(rows))]
    if any(row["series"] for row in rows):
        pictures.append(charts.svg(charts.history(rows)))
    return {"title": manifest["title"], "rows": rows, "pictures": pictures, "about": [
        (key, manifest[key]) for key in ("game", "games", "seed", "integrator", "deterministic")]}


def read_matrix(directory):
    """A finished tournament's (labels, share of wins [n, n], share of ties [n, n]), best first.

    NaN for pairs that have not met.
    """
    with open(os.path.join(directory, "ratings.json")) as file:
        labels = [row["entrant"] for row in json.load(file)]
    wins, ties = np.full((2, len(labels), len(labels)), np.nan)
    with open(os.path.join(directory, "pairs.csv"), newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = labels.index(row["entrant"]), labels.index(row["opponent"])
            wins[at] = int(row["wins"]) / int(row["games"])
            ties[at] = int(row["ties"]) / int(row["games"])
    return labels, wins, ties


# Clips


def read_clips(folders):
    """The folders' films and moving pictures: (dicts of name, type, data; names left out)."""
    clips, left_out, room = [], [], MAX_CLIP_BYTES
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            kind = CLIP_TYPES.get(os.path.splitext(name)[1].lower())
            path = os.path.join(folder, name)
            if not kind or not os.path.isfile(path):
                continue
            if os.path.getsize(path) > room:
                left_out.append(name)
                continue
            room -= os.path.getsize(path)
            with open(path, "rb") as file:
                clips.append({"name": name, "type": kind,
                              "data": base64.b64encode(file.read()).decode()})
    return clips, left_out
