"""The page of cross-play: who takes part, what is played once, and what the tables say."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from small import refused

from common.command_line import GAME_NAMES
from docs import make_crossplay
from docs.make_crossplay import find_entrants, open_pairs, play_pairs, section, write_section
from evaluation import tournament
from evaluation.entrants import collect

OPTIONS = {"seed": 3, "integrator": "RK4", "deterministic": False}


def play(folder, entrants, **options):
    """Four matches per pair of sumo-ants, of those not played."""
    pairs = open_pairs(str(folder), "sumo-ants", entrants, 4, **{**OPTIONS, **options})
    return play_pairs(pairs, 1)


@pytest.fixture
def entrants():
    """Three who can take both seats."""
    game, (random, zero) = collect(["random", "zero"], {}, "sumo-ants")
    vector = random.entry.vector + np.float32(1)
    return [replace(zero, label="third", entry=replace(zero.entry, vector=vector)), random, zero]


@pytest.fixture
def meetings(monkeypatch):
    """The pairs played, in which the first wins from seat 0 and nobody does from seat 1."""
    played = []

    def play_pair(game, entries, shares, *args, **options):
        played.append(tuple(entry.vector.tobytes() for entry in entries))
        return [{"game": g, "seat_of_a": seat, "winner": None if seat else 0, "ending": "fell",
                 "length": 5} for seat, numbers in shares.items() for g in numbers]

    monkeypatch.setattr(tournament, "play_pair", play_pair)
    return played


def test_all_take_part(shared):
    """OpenAI's of this game, ours without earlier ones, each with its seat, and two baselines."""
    found = [(entrant.label, entrant.seats)
             for entrant in find_entrants(str(shared / "zoo"), "run-to-goal-ants")]
    assert found == [
        ("OpenAI v1, seat 0", (0,)), ("OpenAI v1, seat 1", (1,)), ("ours", (0, 1)),
        ("ours, mlp, seat 0", (0,)), ("ours, mlp, seat 1", (1,)), ("random", (0, 1)),
        ("zero", (0, 1))]


def test_only_changed_pairs_are_played(entrants, meetings, tmp_path):
    """Again: none; with one replaced: its own two, and the other's result is the same."""
    first = play(tmp_path, entrants)
    assert len(meetings) == 3
    assert play(tmp_path, entrants) == first and len(meetings) == 3
    entry = entrants[0].entry
    new = replace(entrants[0], entry=replace(entry, vector=entry.vector + np.float32(1)))
    again = play(tmp_path, [new, *entrants[1:]])
    assert len(meetings) == 5 and again[1, 2] == first[1, 2]
    with pytest.raises(ValueError, match="seed 3, not 4"):
        play(tmp_path, entrants, seed=4)


def test_tables(entrants, meetings, tmp_path):
    """Wins stand in the winner's row, the best on top; of four matches two are won and two tied."""
    text = section(entrants, play(tmp_path, entrants), "How.")
    how, matrix, ratings = text.split("\n\n")
    assert how == "How."
    assert matrix.splitlines()[2:] == [
        "| third |  | 50 (50) | 50 (50) |", "| random | 0 (50) |  | 50 (50) |",
        "| zero | 0 (50) | 0 (50) |  |"]
    rows = [row.strip("| ").split(" | ") for row in ratings.splitlines()[2:]]
    assert [[row[0], *row[3:]] for row in rows] == [
        ["third", "4", "4", "0"], ["random", "2", "4", "2"], ["zero", "0", "4", "4"]]
    assert float(rows[0][1]) == -float(rows[2][1]) > 0 == float(rows[1][1])
    low, high = map(float, rows[0][2].split(" to "))
    assert low < float(rows[0][1]) < high


def test_the_other_sections_stay(tmp_path, monkeypatch):
    """Sections stand in the games' order, whichever was written last."""
    page = tmp_path / "page.md"
    for game, text in (("sumo-ants", "old"), ("run-to-goal-ants", "runs"), ("sumo-ants", "new")):
        write_section(str(page), game, text)
    monkeypatch.setattr(make_crossplay, "INTRO", "# Another head\n")
    write_section(str(page), "kick-and-defend", "kicks")
    assert page.read_text() == ("# Another head\n\n## run-to-goal-ants\n\nruns\n\n## sumo-ants\n\n"
                                "new\n\n## kick-and-defend\n\nkicks\n")


def test_findings_are_elsewhere():
    """docs/crossplay.md is what the script writes, tables last: prose on results would go stale."""
    page = os.path.join(make_crossplay.ROOT, "docs/crossplay.md")
    with open(page) as file:
        assert file.read().startswith(make_crossplay.INTRO)
    sections = make_crossplay.read_sections(page)
    assert set(sections) == set(GAME_NAMES)
    for text in sections.values():
        assert text.rstrip().rpartition("\n\n")[2].startswith("|  | rating |")


def test_a_section_without_text(tmp_path):
    """A page may end with a heading, and hold bytes of any encoding, which stay."""
    page = tmp_path / "page.md"
    page.write_bytes(b"# Cross-play\n\n## sumo-ants\n\nd\xe9j\xe0\n\n## run-to-goal-ants")
    write_section(str(page), "kick-and-defend", "kicks")
    assert page.read_bytes().endswith(
        b"\n\n## run-to-goal-ants\n\n\n## sumo-ants\n\nd\xe9j\xe0\n\n## kick-and-defend\n\nkicks\n")


@pytest.fixture
def released(tmp_path, players):
    """A folder with released policies of run-to-goal-ants alone."""
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    for seat, path in enumerate(players):
        shutil.copy(path, zoo / f"run-to-goal-ants_agent{seat}_v1.npy")
    return str(zoo)


def test_bad_input_is_refused_before_any_game(released, meetings, tmp_path, capfd, monkeypatch):
    """A page or a folder that cannot be written, a page that is another file, a game that nobody
    plays, a folder of other games: one line, nothing played, and the files are as they were."""
    monkeypatch.chdir(tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("# Another\n")
    out = ["--page", "new.md", "--out", "out"]
    for words, culprit in (
            (["--page", "nodir/p.md", "--out", "out"], "--page nodir/p.md: must be"),
            (["--page", "README.md", "--out", "out"], "--page README.md: holds something else"),
            (["--page", "new.md", "--out", "README.md"], "--out README.md: must be a folder"),
            ([*out, "--game", "run-to-goal-ants", "--game", "sumo-ants"],
             "no released policies of sumo-ants")):
        refused(make_crossplay.main, [released, *words], culprit, capfd)
    assert meetings == [] and readme.read_text() == "# Another\n"
    assert not (tmp_path / "new.md").exists()


def test_all_results_are_looked_at_before_any_game(released, meetings, tmp_path, capfd):
    """Where the last pair was played with another seed, the others are not played either."""
    words = [released, "--game", "run-to-goal-ants", "--max-episodes", "2", "--page",
             tmp_path / "page.md", "--out", tmp_path / "out"]
    make_crossplay.main(list(map(str, words)))
    played = len(meetings)
    last = max((tmp_path / "out").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
    for folder in (tmp_path / "out").glob("*/*"):
        if folder != last:
            shutil.rmtree(folder)
    refused(make_crossplay.main, [*words, "--seed", "7"], "with seed 200, not 7", capfd)
    assert played > 1 and len(meetings) == played
