"""--pool's files stay what they were when the run began, also over a checkpoint."""

import numpy as np
import pytest

from pool import Pool
from snapshots import Snapshots
from utils import InputError, save_parameters


@pytest.fixture
def paths(tmp_path):
    """Eight files of one learner, whose parameters say which they are."""
    found = [str(tmp_path / f"{k}.npz") for k in range(8)]
    for k, path in enumerate(found):
        save_parameters(path, [k], {})
    return found


def begun(tmp_path, paths):
    """A run that draws from nothing else; (snapshots, pool)."""
    pool = Pool(str(tmp_path), [[paths[:6], paths[6:]]])
    snapshots = Snapshots(str(tmp_path / "run"), ["agent0"], [{}], pool, 1.0)
    snapshots.save(0, [np.array([99], np.float32)])
    return snapshots, pool


def draws(snapshots, rng, count=12):
    """Which files the next draws are."""
    return [int(snapshots.draw(rng, 0.5, [[0]])[0][1][0]) for _ in range(count)]


def test_resumed_is_straight(tmp_path, paths):
    """Going on draws as without the kill, whatever has been added and once some are gone."""
    snapshots, pool = begun(tmp_path, paths)
    rng = np.random.default_rng(5)
    (tmp_path / "3.npz").unlink()
    (tmp_path / "7.npz").write_bytes(b"damaged")
    before = draws(snapshots, rng)
    assert not {3, 7} & set(before) and sorted(pool.lost()) == [paths[3], paths[7]]
    assert pool.lost() == []
    state, chance = pool.get_state(), rng.bit_generator.state
    straight = draws(snapshots, rng)

    save_parameters(paths[3], [3], {})  # back again: it stays out, as it does without the kill
    save_parameters(tmp_path / "8.npz", [8], {})
    again = Pool(str(tmp_path))
    again.set_state(state)
    rng.bit_generator.state = chance
    snapshots = Snapshots(str(tmp_path / "run"), ["agent0"], [{}], again, 1.0)
    snapshots.latest = 0
    assert draws(snapshots, rng) == straight and len(set(straight)) > 2
    np.testing.assert_array_equal(again.get_state()["files"], state["files"])


def test_what_has_changed_is_refused(tmp_path, paths):
    """By its name; what is gone is not, and the files may have moved with their runs."""
    _, pool = begun(tmp_path, paths)
    state = pool.get_state()
    (tmp_path / "3.npz").unlink()
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    Pool(str(moved)).set_state(state)
    save_parameters(moved / "6.npz", [60], {})
    with pytest.raises(InputError, match=r"--pool .*moved/6.npz: is not what it was"):
        Pool(str(moved)).set_state(state)
    Pool(str(moved), [[[]]]).set_state({})  # a run that is older than this part


def test_nobody_is_left(tmp_path, paths):
    """The learner's own older versions take the place of a pool that is gone altogether."""
    snapshots, _ = begun(tmp_path, paths)
    for path in tmp_path.glob("*.npz"):
        path.unlink()
    assert set(draws(snapshots, np.random.default_rng(0))) == {99}
