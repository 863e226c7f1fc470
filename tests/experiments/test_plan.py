"""Which runs are trained with which options, and which of their snapshots are judged."""

import io
import json
from dataclasses import replace

import pytest

from experiments import command, curriculum, delta, ensemble, estimate, exploration, plan, runs
from gym_compete import find_game
from selfplay.snapshots import versions_kept

ALL = [module.EXPERIMENT for module in (delta, exploration, curriculum, ensemble)]


def read_study(experiment, *words):
    """The study of a command line."""
    return command.read_study(command.make_parser(experiment), experiment, list(words))


@pytest.mark.parametrize("experiment", ALL, ids=lambda experiment: experiment.name)
@pytest.mark.parametrize("scale", ("small", "medium", "paper"))
def test_every_run_is_one_that_run_py_takes(experiment, scale):
    """In every game; what is judged is kept, and there is as much of it as the scale says."""
    study = read_study(experiment, "--scale", scale, "--seeds", "0", "3",
                       "--game", *experiment.games)
    runs_ = study.runs()
    assert len({run.name for run in runs_}) == len(runs_) == 2 * sum(
        len(study.arms(game)) for game in study.games)
    for run in runs_:
        parsed = command.config.make_parser(run.words).parse_args(run.words)
        assert (parsed.env, parsed.seed) == (run.game, run.seed)
        assert parsed.keep == (study.gap if study.delta(run) else None)  # with 0 all are kept
        assert parsed.paper == (scale == "paper")
    for game in study.games:
        for meeting in experiment.meetings(study, game, 3):
            for side in (meeting.first, meeting.second):
                assert side.version % study.gap == 0 <= side.version <= study.iterations
    assert len(study.late()) == len(study.spread()) == study.points


def test_the_papers_late_snapshots():
    """30, 100 iterations apart after 3,000."""
    assert read_study(delta.EXPERIMENT, "--scale", "paper").late() == list(range(3100, 6001, 100))


def test_a_short_run_has_a_short_schedule():
    """The preset's, in proportion; the user's words come after it, the experiment's after those."""
    study = read_study(delta.EXPERIMENT, "--", "--max-iters", "200", "--anneal-iters", "7")
    words = study.run("sumo-ants", "1", 0).words
    assert study.iterations == 200
    assert words[:6] == ["--dense-iters", "15", "--anneal-iters", "50",
                         "--curriculum-iters", "100"]  # of 150, 500 and 1,000
    parsed = command.config.make_parser(words).parse_args(words)
    assert (parsed.anneal_iters, parsed.delta, parsed.anchor_every) == (7, 1, 0)
    assert "--anneal-iters" not in read_study(delta.EXPERIMENT, "--scale", "medium").runs()[0].words


def test_the_delta_that_the_disk_depends_on():
    """The arm's, the user's, the preset's."""
    assert read_study(delta.EXPERIMENT).delta(read_study(delta.EXPERIMENT).runs()[1]) == 0.8
    for words, value in ((["--", "--delta", "0.3"], 0.3), (["--scale", "paper"], 0.5),
                         (["--game", "sumo-ants"], 0)):
        study = read_study(exploration.EXPERIMENT, *words)
        assert study.delta(study.runs()[0]) == value


def test_pairs_of_learners():
    """One for both seats, one per seat, and three of each."""
    def pairs(one, other):
        return runs.Pace(0, 0, 0, 0, one).pairs(runs.Pace(0, 0, 0, 0, other))

    seats = [f"agent{seat}{member}" for seat in (0, 1) for member in "abc"]
    assert pairs(["agent0"], ["agent0"]) == 1 and pairs(["agent0"], seats[:3]) == 3
    assert pairs(["agent0", "agent1"], ["agent0", "agent1"]) == 2
    assert pairs(["agent0", "agent1"], seats) == 6


@pytest.mark.parametrize("integrator, steps", [("RK4", 720), ("Euler", 200)])
def test_the_pace_of_matches(integrator, steps, tmp_path):
    """They are on RK4: a training on Euler is as much faster, one on RK4 is not."""
    snapshot = tmp_path / "agent0" / "000000.npz"
    snapshot.parent.mkdir()
    for path in (snapshot, tmp_path / "checkpoint.npz"):
        path.write_bytes(b"bytes")
    (tmp_path / "config.json").write_text(json.dumps({"integrator": integrator}))
    (tmp_path / "timing.csv").write_text(
        "iteration,run/seconds,run/collect_steps_per_s\n1,2,720\n2,5,720\n")
    assert runs.measure(tmp_path) == runs.Pace(3, pytest.approx(steps), 5, 10, ["agent0"])


def test_the_bar(monkeypatch, capsys):
    """Counts seconds; what was there before does not count as speed."""
    monkeypatch.setattr("sys.stderr", type("Terminal", (io.StringIO,), {
        "isatty": lambda self: True})())
    study = read_study(delta.EXPERIMENT, "--", "--max-iters", "10")
    first, second = study.runs()[:2]
    pace = runs.Pace(3, 250, 0, 0, ["agent0"])  # a match takes one second
    with estimate.Bar([first, second], {("sumo-ants", None): pace}, study, 40) as bar:
        for item, done in ((first, 0), (first, 4), (first, 10), (second, 5), (second, 6)):
            bar.run(item, done)
        bar.matches_found(8)
        bar.match_played()
        assert (bar._bar.total, bar._bar.n, bar._bar.initial) == (100, 57, 23)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with estimate.Bar([first], {("sumo-ants", None): pace}, study, 0) as bar:
        bar.name("sumo-ants-1-seed0")
    assert capsys.readouterr().out == "sumo-ants-1-seed0\n"


def test_the_curriculums_ends():
    """The table, which saves importing the games, says what they say."""
    assert {game: find_game(game)().curriculum_end for game in curriculum.ENDS} == curriculum.ENDS


@pytest.mark.parametrize("points, iterations", [(1, 1), (1, 2), (3, 2), (4, 48), (8, 100)])
def test_points_of_short_runs(points, iterations):
    """There is at least one, none beyond the end, none twice."""
    for gap in (plan.gap_late, plan.gap_spread):
        study = plan.Study(replace(ALL[0], gap=gap), "small", (), (), "", iterations, points, 2)
        for versions in (study.late(), study.spread()):
            assert 1 <= len(versions) <= points and versions == sorted(set(versions))
            assert 0 < versions[0] and versions[-1] <= iterations


def test_versions_kept():
    """Against a plain count of what `Snapshots.thin_out` leaves."""
    for delta_, keep, iterations in ((0.5, 10, 100), (1, 7, 50), (0, 3, 40), (0.8, 50, 20)):
        first = delta_ * (iterations - 2)
        left = [v for v in range(iterations + 1) if v == 0 or v >= first or v % keep == 0]
        assert versions_kept(delta_, keep, iterations) == len(left)
