"""The command line of watching: what it refuses, and that its help is quick."""

import subprocess
import sys
from pathlib import Path

import pytest
from small import refused

import load_parameter_run
from common.command_line import InputError
from load_parameter_run import check_outputs, main, parse


def test_no_display(players, kept, monkeypatch, capfd):
    """One line that names the way out."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for what in (["--param-paths", *players], ["--replay", kept]):
        refused(main, [*what, "--watch"], "--video FILE.mp4", capfd)


@pytest.mark.parametrize("arguments, culprit", [
    (["--video", "film.avi"], "--video film.avi: must end in .mp4 or .gif"),
    (["--video", "no/such/folder/film.mp4"], "--video no/such/folder/film.mp4: must be a file"),
    (["--save-replay", "match.txt"], "--save-replay match.txt: must end in .npz"),
    (["--save-replay", "no/such/match.npz"], "--save-replay no/such/match.npz: must be"),
    (["--csv", "no/such/table.csv"], "--csv no/such/table.csv: must be"),
    (["--video", "film.mp4", "--swap"], "--swap: not together with --video"),
    (["--replay", "match.npz"], "unrecognized arguments: --param-paths"),
    (["--video-games", "0"], "--video-games"),
    (["--video-games", "2"], "--video-games: only together with --video"),
    (["--video-games", "2", "--save-replay", "m.npz"], "--video-games: only together with"),
    (["--camera", "top"], "--camera: only together with --watch or --video"),
    (["--distance", "3"], "--distance: only together with --watch or --video"),
    (["--json", "x", "--csv", "x"], "--csv x: is the file of --json, too"),
    (["--json", "m.npz", "--save-replay", "./m.npz"], "./m.npz: is the file of --json, too"),
    (["--json", "PLAYER"], "flail0.npz: is a file to read; name another"),
    (["--csv", "PLAYER"], "--csv "), (["--save-replay", "PLAYER"], "--save-replay "),
    (["--max-episodes", "1", "--video", "v.gif", "--video-games", "4"],
     "--video-games 4: must be at most --max-episodes 1"),
    (["--max-episodes", "9" * 20], "must be at least 1 and at most 1000000"),
    (["--first-game", "9" * 20], "must be at least 0 and at most 9223372036854775807"),
    (["--rule", f"max_episode_steps={'9' * 20}"],
     f"--rule max_episode_steps {'9' * 20}: must be a whole number of at least 1 and at most 1000"),
    (["--rule", "max_episode_steps=3", "--rule", "max_episode_steps=5"], "steps: given twice"),
    (["--camera", "drone"], "drone"),
    (["--distance", "0"], "--distance"),
])
def test_refused_before_any_match(arguments, culprit, players, tmp_path, monkeypatch, capfd):
    """What cannot be written, or not together, is told at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evaluation.seats.play",
                        lambda *_, **__: pytest.fail("a match was played"))
    arguments = [players[0] if word == "PLAYER" else word for word in arguments]
    refused(main, ["--param-paths", *players, *arguments], culprit, capfd)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments, count", [
    ("--watch", 100), ("--video f.mp4", 3), ("--video f.mp4 --video-games 150", 150),
    ("--watch --video f.mp4", 100), ("--watch --video f.mp4 --video-games 150", 150),
    ("--save-replay m.npz", 1), ("--watch --save-replay m.npz", 100),
    ("--watch --max-episodes 7", 7)])
def test_how_many_matches(arguments, count, players, tmp_path, monkeypatch, capfd):
    """As many as the film needs at least, and enough to watch."""
    def count_only(args, game, paths, numbers):
        raise InputError(f"plays {len(numbers)}.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("viewing.commands.make_gallery", count_only)
    refused(main, ["--param-paths", *players, *arguments.split()], f"plays {count}.", capfd)


@pytest.mark.parametrize("option, ending", [
    ("--json", "json"), ("--csv", "csv"), ("--video", "gif"), ("--save-replay", "npz")])
def test_what_could_not_be_written_in_the_end(option, ending, players, tmp_path, monkeypatch,
                                              capfd):
    """A link to a folder that is not there, a name without room for a suffix: no match first."""
    monkeypatch.setattr("evaluation.seats.play",
                        lambda *_, **__: pytest.fail("a match was played"))
    link, long = tmp_path / f"link.{ending}", tmp_path / f"{'x' * (253 - len(ending))}.{ending}"
    link.symlink_to(tmp_path / "nowhere" / link.name)
    for path in (link, long):
        refused(main, ["--param-paths", *players, option, path], f"{option} {path}: must ", capfd)


def test_a_link_to_a_player_is_a_player(players, tmp_path, capfd):
    """Under whatever name a result would replace it; `zero` is no file of that name."""
    (tmp_path / "link.npz").symlink_to(players[1])
    refused(main, ["--param-paths", "zero", players[1], "--json", tmp_path / "link.npz"],
            "link.npz: is a file to read", capfd)
    check_outputs(parse(["--json", "zero"])[2], ["zero", "zero"])


def test_a_film_does_not_replace_its_replay(kept, tmp_path, capfd):
    """Even if that is called like a film."""
    path = tmp_path / "match.mp4"
    path.write_bytes(kept.read_bytes())
    refused(main, ["replay", path, "--video", path], "match.mp4: is a file to read", capfd)
    assert path.read_bytes() == kept.read_bytes()


def test_more_than_one_rank(players, monkeypatch, capfd):
    """Watching is for one process."""
    from distributed_data import comm
    monkeypatch.setattr(comm, "SIZE", 2)
    monkeypatch.setattr(comm, "_all_here", lambda patience: True)
    refused(main, ["--param-paths", *players, "--watch"], "--watch: not with 2 ranks", capfd)


def test_list_and_help_are_quick():
    """Neither imports TensorFlow."""
    folder = Path(load_parameter_run.__file__).parent
    for option in ("--help", "--list"):
        done = subprocess.run([sys.executable, "-X", "importtime", "load_parameter_run.py", option],
                              cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0 and "tensorflow" not in done.stderr
