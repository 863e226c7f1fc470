"""Older versions in their seats: one opponent per match, its memory, its file, and resuming."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import initialize, new_session
from tiny import HEADERS, Watch, snapshot_bytes, tiny_run

from networks.ant_view import RACE
from policy import AntPolicy, LSTMPolicy, MlpPolicy
from selfplay.checkpoint import read_checkpoint
from selfplay.frozen import FrozenCopies
from selfplay.pool import Pool
from selfplay.seating import seat_players
from selfplay.snapshots import Snapshots
from utils import Actors

LENGTHS = [4, 6, 5, 11, 7, 17, 9, 13]  # of eight matches, the last six against older versions
UNEQUAL = dict(num_envs=8, latest_share=0.25, opponents=2, lengths=LENGTHS, timesteps_per_batch=20,
               optim_batchsize=20)
LONGER = {**UNEQUAL, "timesteps_per_batch": 50, "optim_batchsize": 50}
MEMORY = {**LONGER, "kind": AntPolicy}  # cheaper to build than an LSTM


def column(run_dir, name):
    """A column of progress.csv, as text."""
    with open(run_dir / "progress.csv", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_game_meets_one_opponent(tmp_path, monkeypatch):
    """Every match, however many iterations it goes on for, while new versions come in."""
    watch = Watch(monkeypatch.setattr)
    tiny_run(tmp_path / "run", max_iters=9, **UNEQUAL)
    assert set(watch.finished) == {1} and len(watch.finished) > 15 and len(watch.vectors) > 3
    assert set(column(tmp_path / "run", "run/opponents_per_game")) == {"1.0", "nan"}


def test_memory_is_the_games_own(tmp_path, monkeypatch):
    """A frozen LSTM begins each match blank, and never goes on from another network's memory."""
    watch = Watch(monkeypatch.setattr)
    tiny_run(tmp_path / "run", kind=LSTMPolicy, max_iters=4, **LONGER)
    assert set(watch.finished) == {1} and len(watch.finished) > 15 and not watch.faults
    assert len(watch.vectors) > 3
    assert column(tmp_path / "run", "run/opponents_per_game") == ["1.0"] * 4


def test_games_are_seen_to_change_opponents(tmp_path, monkeypatch):
    """A copy that is loaded in the middle of matches is found, by `Watch` and in the log."""
    watch = Watch(monkeypatch.setattr)
    monkeypatch.setattr(FrozenCopies, "_due", lambda self: list(range(len(self.players))))
    tiny_run(tmp_path / "run", max_iters=6, **UNEQUAL)
    assert max(watch.finished) > 2
    assert np.nanmax(np.float64(column(tmp_path / "run", "run/opponents_per_game"))) > 2


# Going on


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The folder of a run of seven iterations, its networks with memory."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    tiny_run(folder, max_iters=7, **MEMORY)
    return folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The same run as it was after four iterations."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    tiny_run(folder, max_iters=4, **MEMORY)
    return folder


@pytest.fixture
def stopped(begun, tmp_path):
    """(folder, arrays of the checkpoint) of a copy of it."""
    return shutil.copytree(begun, tmp_path / "run"), read_checkpoint(str(begun))[1]


def test_resumed_in_the_middle_of_games(stopped, straight):
    """The same bytes as without the stop, wherever the copies' matches stand."""
    folder, arrays = stopped
    assert len(np.unique(arrays["rank0/copies/paths"])) > 2
    assert any(arrays[f"rank0/copies/state{k}"].any() for k in range(4))
    tiny_run(folder, max_iters=7, resumed=arrays, **MEMORY)
    assert snapshot_bytes(folder) == snapshot_bytes(straight)
    assert (folder / "progress.csv").read_bytes() == (straight / "progress.csv").read_bytes()


def test_a_run_from_before_goes_on(stopped, monkeypatch):
    """A checkpoint without the copies' part: all are drawn anew, with blank memories."""
    folder, arrays = stopped
    arrays = {key: array for key, array in arrays.items() if "/copies/" not in key}
    arrays |= {f"rank0/rollouts/player{k}": np.ones((3, 16), np.float32) for k in (2, 3)}
    log = folder / "progress.csv"
    log.write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in log.read_text().splitlines()))
    arrays["log/progress.csv"] = np.array(log.stat().st_size)
    watch = Watch(monkeypatch.setattr)
    tiny_run(folder, max_iters=6, resumed=arrays, **MEMORY)
    assert set(watch.finished) == {1} and not watch.faults
    rows = log.read_text().splitlines()
    assert len(rows) == 7 and len({row.count(",") for row in rows}) == 1


def test_a_file_that_has_gone(stopped, capsys):
    """Its matches go on against another version, which is said, and counted."""
    folder, arrays = stopped
    held = {str(arrays["rank0/copies/paths"][k]) for k in arrays["rank0/copies/copy"][2:]}
    gone = [folder / path for path in held if "000000" not in path]
    for path in gone:
        path.unlink()
    tiny_run(folder, max_iters=6, resumed=arrays, **MEMORY)
    said = capsys.readouterr().err
    assert gone and all(f"{path} is gone or damaged; its matches go on" in said
                        for path in gone)
    figures = np.float64(column(folder, "run/opponents_per_game"))
    assert (figures[:4] == 1).all() and figures[4:].max() > 1


@pytest.mark.parametrize("move", ["run", "all", "old"])
def test_where_the_files_are_after_a_move(move, tmp_path):
    """The pool's are where the pool says, the run's own in the run; older checkpoints go by it."""
    saved, outside = tmp_path / "saved", str(tmp_path / "outside.npz")
    own, pooled = str(saved / "run/agent0/000003.npz"), saved / "old/agent0/000001.npz"
    pooled.parent.mkdir(parents=True)
    for path in (pooled, outside):
        Path(path).write_bytes(b"x")
    pool = Pool(str(saved), [[[str(pooled), outside]]])
    copies = FrozenCopies([], [], 0, str(saved / "run"), pool=pool)
    copies._paths = [own, str(pooled), outside, ""]
    state = copies.get_state()
    if move == "old":
        state["paths"] = np.array(["agent0/000003.npz", "../old/agent0/000001.npz",
                                   "../../outside.npz", ""])
    after = tmp_path / "moved" if move == "all" else saved
    run = tmp_path / "elsewhere/run" if move == "run" else after / "run"
    again = FrozenCopies([], [], 0, str(run), pool=Pool(str(after), [[[]]]))
    again.set_state(state)
    assert again._paths == [str(run / "agent0/000003.npz"), str(after / "old/agent0/000001.npz"),
                            outside, ""]


# Who plays what, match by match


@pytest.fixture(params=[MlpPolicy])
def copies(request, tmp_path):
    """Six copies for twelve matches, three of them per seat; `act` steps all players once.

    `renew_now` is an iteration's start, and returns whose version each copy then holds; `matches`
    returns what they play.
    """
    seatings = seat_players(14, 1 / 7, 6, shared=False)
    snapshots = Snapshots(str(tmp_path), ["agent0", "agent1"], HEADERS)
    with new_session() as sess:
        players = [seating.player(
            request.param(f"p{k}", RACE, 8, np.random.default_rng(k), hid_size=4))
            for k, seating in enumerate(seatings)]
        copies = FrozenCopies(players[2:], seatings[2:], 14, str(tmp_path))
        vectors = [initialize(sess, player.policy, seed=0).get(sess) for player in players[:2]]
        for player in players[2:]:
            initialize(sess, player.policy)
        actors = Actors(sess, players)

        def act():
            for player in players:
                player.look([np.random.default_rng(0).normal(0, 1, (14, RACE))] * 2)
            return actors.act(np.random.default_rng(0))

        def renew():
            snapshots.save(snapshots.latest + 1, vectors)
            copies.renew(sess, snapshots, np.random.default_rng(snapshots.latest), 1.0)
            actors.start()
            return [int(path[-10:-4]) if path else None for path in copies._paths]

        copies.act, copies.renew_now = act, renew
        copies.matches = lambda: [p.places[0][1].tolist() for p in players[2:]]
        yield copies


def ended(*matches):
    """The mask of these of the fourteen matches."""
    return np.isin(np.arange(14), matches)


def test_a_game_is_handed_to_the_copy_drawn_last(copies):
    """Copies drain while the open one fills; the first idle one is drawn anew and opens."""
    assert copies.matches() == [[2, 3], [6, 7], [10, 11], [4, 5], [8, 9], [12, 13]]
    assert copies.renew_now() == [0] * 6
    copies.restart(ended(0, 2, 3, 4))  # the last of a group is open; match 0 is the learners' own
    assert copies.matches() == [[], [6, 7], [2, 3, 10, 11], [5], [8, 9], [4, 12, 13]]
    assert copies.renew_now() == [1, 0, 0, 0, 0, 0]
    copies.restart(ended(2, 6, 7, 5))
    assert copies.matches() == [[2, 6, 7], [], [3, 10, 11], [], [8, 9], [4, 5, 12, 13]]
    assert copies.renew_now() == [1, 2, 0, 2, 0, 0]
    copies.restart(ended(*range(14)))
    assert copies.matches() == [[], [2, 3, 6, 7, 10, 11], [], [4, 5, 8, 9, 12, 13], [], []]
    assert copies.renew_now() == [3, 2, 0, 2, 3, 0]  # one a group and iteration
    assert copies.renew_now() == [4, 2, 0, 2, 4, 0]  # nobody has met it yet: fresh once more
    assert copies.figures() == {"run/opponents_per_game": 1.0}
    assert np.isnan(copies.figures()["run/opponents_per_game"])


@pytest.mark.parametrize("copies", [LSTMPolicy, AntPolicy], indirect=True)
def test_memory_stays_with_the_game(copies):
    """Copies without matches act too; a match that goes on keeps its state, others' are blank.
    """
    copies.renew_now()
    outputs = copies.act()
    states = {match: row for p, matches in zip(copies.players, copies.matches())
              for match, row in zip(matches, p.state.copy())}
    done = ended(2, 3, 4, 10)
    for player in copies.players:
        player.state[player.pick((done, done))] = player.policy.zero_state  # as `Actors.restart`
    copies.restart(done)
    for player, matches in zip(copies.players, copies.matches()):
        assert player.state.shape == (len(matches), player.policy.state_dim)
        for match, row in zip(matches, player.state):
            np.testing.assert_array_equal(
                row, player.policy.zero_state if done[match] else states[match])
    before, after = outputs[2:], copies.act()[2:]
    assert [len(output["ac"]) for output in before] == [2] * 6
    assert [len(output["ac"]) for output in after] == [0, 2, 4, 1, 2, 3]
    assert all(np.isfinite(output["ac"]).all() for output in after)


# Files


def test_what_is_held_is_not_deleted(tmp_path):
    """A version too old to be drawn stays while an opponent plays by it, and goes afterwards."""
    snapshots = Snapshots(str(tmp_path), ["agent0", "agent1"], HEADERS)

    def kept():
        return {str(path.relative_to(tmp_path)) for path in tmp_path.glob("agent?/00000?.npz")}

    def on(versions, *held):
        for _ in range(versions):
            snapshots.save(snapshots.latest + 1, [np.zeros(3, np.float32)] * 2)
            snapshots.hold([snapshots.path(*what) for what in held])
            snapshots.thin_out(0.5, 0)

    on(5)
    on(20, (0, 2), (1, 3))
    assert kept() == {"agent0/000000.npz", "agent0/000002.npz", "agent1/000000.npz",
                      "agent1/000003.npz"}
    on(1, (1, 3))
    assert kept() == {"agent0/000000.npz", "agent1/000000.npz", "agent1/000003.npz"}
    on(1)
    assert kept() == {"agent0/000000.npz", "agent1/000000.npz"}
