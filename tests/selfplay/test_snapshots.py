"""Which versions stay on disk."""

import numpy as np
import pytest

from selfplay.snapshots import Snapshots


def test_old_snapshots_are_thinned_out(tmp_path):
    """Version 0, every third of those that cannot be drawn, and all that can."""
    snapshots = Snapshots(str(tmp_path), ["agent0"], [{}])
    for version in range(41):
        snapshots.save(version, [np.zeros(1000, np.float32)])
        snapshots.thin_out(0.5, 3)
        needed = np.ceil(0.5 * version)
        kept = {int(path.stem) for path in tmp_path.glob("agent0/*.npz")}
        assert set(range(int(needed), version + 1)) | {0} <= kept
    assert kept == {0, 3, 6, 9, 12, 15, 18} | set(range(19, 41))
    size = sum(path.stat().st_size for path in tmp_path.glob("agent0/*"))
    assert snapshots.disk_use(0.5, 3, 40) == pytest.approx(size, rel=0.01)
    first = snapshots.first()
    assert len(first) == 1 and first[0].shape == (1000,)


def test_all_of_history_stays_with_delta_zero(tmp_path):
    """Where every version may be drawn none is deleted."""
    snapshots = Snapshots(str(tmp_path), ["agent0"], [{}])
    for version in range(10):
        snapshots.save(version, [np.zeros(3, np.float32)])
        snapshots.thin_out(0.0, 0)
    assert len(list(tmp_path.glob("agent0/*"))) == 10
