"""The page of a run and its tournament: in Chromium, on its own, with what files say escaped."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.command_line import InputError
from evaluation.report import PANELS, read_config, write_page

REPOSITORY = Path(__file__).resolve().parents[2]
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of 400 iterations with a tournament and clips in it; names that would be code."""
    folder = tmp_path_factory.mktemp("run")
    columns = ["iteration", "agent0/end_touchdown", "agent0/end_both_down", "agent0/ep_ret",
               "agent1/ep_ret", "agent0/kl", "agent0/win_v_zero", "run/timesteps"]
    lines = [",".join(columns)] + [
        f"{i},{i / 400},{1 - i / 400},{i},{-i},0.01,{'0.5' if i % 100 == 0 else 'nan'},{i * 4096}"
        for i in range(1, 401)]
    (folder / "progress.csv").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps({"env": "sumo-ants", "policy": EVIL}))
    (folder / "clip.gif").write_bytes(bytes.fromhex(
        "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"))
    games = folder / "games"
    games.mkdir()
    (games / "tournament.json").write_text(json.dumps({
        "title": EVIL, "game": "sumo-ants", "games": 4, "seed": 0, "integrator": "RK4",
        "deterministic": False}))
    (games / "ratings.json").write_text(json.dumps([
        {"entrant": label, "rating": r, "low": r - 50, "high": r + 50, "wins": 1, "losses": 1,
         "ties": 2, "games": 4, "series": "agent0", "iteration": k}
        for k, (label, r) in enumerate([(EVIL, 40), ("zero", -40)])]))
    (games / "pairs.csv").write_text(f"entrant,opponent,games,wins,ties\n{EVIL},zero,4,1,2\n"
                                     f"zero,{EVIL},4,1,2\n")
    write_page(str(folder))
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Headless Chromium that keeps a log of its console and its requests."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver here (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless", "no-sandbox", "disable-gpu", "no-first-run",
                 "disable-background-networking", "disable-component-update", "disable-sync",
                 f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options,
                               service=webdriver.ChromeService(executable_path=driver))
    yield browser
    browser.quit()


def visit(browser, path):
    """Opens a file; returns (console's lines, addresses requested but by Chromium's own pages)."""
    for log in ("browser", "performance"):
        browser.get_log(log)  # empties it
    browser.get(path.as_uri())
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [message["params"]["request"]["url"] for message in messages
             if message["method"] == "Network.requestWillBeSent"]
    return browser.get_log("browser"), [url for url in asked if not url.startswith("chrome")]


def test_in_chromium(folder, browser):
    """Nothing on the console, no request but for the page itself, nothing wider than a phone."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    console, asked = visit(browser, folder / "report.html")
    assert console == []
    assert [url for url in asked if not url.startswith("data:")] == [
        (folder / "report.html").as_uri()]
    widths = browser.execute_script("return [...document.querySelectorAll('svg')]"
                                    ".map(picture => picture.getBoundingClientRect().width)")
    assert len(widths) == 4 + 3 and min(widths) > 300
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.execute_script("return document.querySelector('figure img').naturalWidth") == 1
    assert EVIL in browser.find_element("tag name", "table").text


def test_the_check_can_fail(browser, tmp_path):
    """A page that errs and asks for something is noticed."""
    page = tmp_path / "bad.html"
    page.write_text("<img src='missing.png'><script>nothing()</script>")
    console, asked = visit(browser, page)
    assert any("nothing is not defined" in entry["message"] for entry in console)
    assert any(url.endswith("missing.png") for url in asked)


def test_what_files_say_is_escaped(folder):
    """Names of files, entrants and options are text."""
    page = (folder / "report.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "http-equiv=\"Content-Security-Policy\"" in page


def test_without_tensorflow(folder, tmp_path):
    """A report is made in a process that loads neither TensorFlow nor MPI."""
    code = ("import sys, load_parameter_run as l; l.main(sys.argv[1:]);"
            "assert not {'tensorflow', 'mpi4py'} & set(sys.modules)")
    out = tmp_path / "page.html"
    subprocess.run([sys.executable, "-c", code, "--report", str(folder), "--out", str(out)],
                   cwd=REPOSITORY, check=True)
    assert out.stat().st_size > 10_000


def test_what_a_panel_shows():
    """Exact names, starts of names, what never happened, values that are rare; whose they are."""
    x, blank = np.arange(4.0), np.full(4, np.nan)
    sparse = np.array([np.nan, 0.5, np.nan, 1.0])
    table = {"agent0/end_touchdown": x / 4, "agent0/end_time-out": 0 * x, "agent1/end_out": x / 4,
             "agent1/end_touchdown": x / 2, "run/end_of": x,
             "agent0/kl": x, "agent1/kl": x, "agent0/kl_max": x, "agent1/ep_len": blank,
             "agent0/win_v_zero": sparse, "agent0/win_v_my_file": blank, "agent1/win_v_zero": x,
             "agent0/win_vs_pool": x}
    found = {panel.figure: panel.lines(table, x) for panel in PANELS}
    assert {figure: list(lines) for figure, lines in found.items() if lines} == {
        "end_": ["agent0: touchdown", "agent1: out", "agent1: touchdown"],
        "kl": ["agent0", "agent1"], "win_vs_pool": ["agent0"],
        "win_v_": ["agent0 v zero", "agent1 v zero"]}
    *points, style = found["win_v_"]["agent0 v zero"]
    assert [part.tolist() for part in points] == [[1, 3], [0.5, 1]] and style == ""
    *points, style = found["end_"]["agent1: touchdown"]
    assert points == [[0, 1, 2, 3], [0, 0.5, 1, 1.5]]
    assert [line[2] for line in found["end_"].values()] == ["C0-", "C1--", "C0--"]


def test_anchors_of_similar_names():
    """Each has a line of its own, called as the file is."""
    x = np.arange(4.0)
    lines = PANELS[-1].lines({"agent0/win_v_a_b": x, "agent0/win_v_a b": x}, x)
    assert list(lines) == ["agent0 v a_b", "agent0 v a b"]


def test_values_of_the_configuration(tmp_path):
    """Texts as they are, without escapes and with their own quotes; other values as in JSON."""
    path = tmp_path / "config.json"
    values = {"run": "runs/é", "policy": '"quoted"', "pool": ["é"], "keep": 5, "anchor": None,
              "mirror": True}
    path.write_text(json.dumps(values))
    assert dict(read_config(str(path))) == {
        "run": "runs/é", "policy": '"quoted"', "pool": '["é"]', "keep": "5", "anchor": "null",
        "mirror": "true"}


@pytest.mark.parametrize("learner", ["agent0", "agent1"])
def test_one_learners_endings(learner):
    """Whose they are need not be said where there is one learner, whichever seat is its."""
    x = np.arange(4.0)
    lines = PANELS[0].lines({f"{learner}/end_both_down": x, f"{learner}/kl": x}, x)
    assert list(lines) == ["both down"]
    assert PANELS[0].lines({f"{learner}/kl": x}, x) == {}


def test_frozen_opponents_are_not_called_older_versions(tmp_path):
    """--opponent's and --pool's matches count there as well."""
    (tmp_path / "progress.csv").write_text("iteration,agent0/win_vs_pool\n1,0.5\n2,0.75\n")
    page = Path(write_page(str(tmp_path))).read_text()
    assert "Wins against frozen opponents" in page and "older versions" not in page


@pytest.mark.parametrize("name, text, culprit", [
    ("games/pairs.csv", f"entrant,opponent,games,wins,ties\n{EVIL},zero,0,0,0\n", "ZeroDivision"),
    ("config.json", "[" * 100_000, "RecursionError"), ("games/ratings.json", "[]", "has no rows"),
    ("games/ratings.json", "{}", "has no rows")])
def test_damaged_files(folder, name, text, culprit, tmp_path):
    """One line, and no page."""
    damaged = tmp_path / "run"
    shutil.copytree(folder, damaged, ignore=shutil.ignore_patterns("report.html"))
    (damaged / name).write_text(text)
    with pytest.raises(InputError, match=culprit) as error:
        write_page(str(damaged))
    assert "\n" not in str(error.value) and not (damaged / "report.html").exists()
