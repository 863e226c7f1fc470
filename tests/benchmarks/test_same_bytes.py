"""benchmarks.same_bytes finds what differs, and leaves out what it is asked to."""

import pytest

from benchmarks.same_bytes import compare, main

TABLE = "iteration,loss\n1,0.5\n2,0.25\n"


def runs(folder, snapshot=b"same", table=TABLE):
    """Two runs of one snapshot and a table; the second one's are given."""
    for name, raw, text in (("old", b"same", TABLE), ("new", snapshot, table)):
        (folder / name / "agent0").mkdir(parents=True)
        (folder / name / "agent0/000001.npz").write_bytes(raw)
        (folder / name / "progress.csv").write_text(text)
        (folder / name / "timing.csv").write_text(name)  # which may differ
    return folder / "old", folder / "new"


@pytest.mark.parametrize("changes, strictly, leniently", [
    ({}, True, True), ({"snapshot": b"other"}, False, False),
    ({"table": TABLE.replace("0.25", "0.2500")}, False, False),
    ({"table": "iteration,new,loss\n1,,0.5\n2,7,0.25\n"}, False, True),
    ({"table": "iteration\n1\n2\n"}, False, False), ({"table": TABLE + "3,1\n"}, False, False)])
def test_compare(changes, strictly, leniently, tmp_path, capsys):
    """A byte of a snapshot, a digit, a row, a column that is lost or new."""
    pair = runs(tmp_path, **changes)
    assert compare("case", *pair, ignore_new_columns=False) is strictly
    assert compare("case", *pair, ignore_new_columns=True) is leniently
    first, second = capsys.readouterr().out.splitlines()
    assert ("0 differ" in first, "0 differ" in second) == (strictly, leniently)


def test_a_snapshot_that_is_missing(tmp_path, capsys):
    """Both runs must have the same files."""
    old, new = runs(tmp_path)
    (new / "agent0/000002.npz").write_bytes(b"more")
    assert not compare("case", old, new, ignore_new_columns=False)
    assert "1 differ agent0/000002.npz" in capsys.readouterr().out


def test_no_checkout(tmp_path, capsys):
    """One line, exit code 2."""
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path), str(tmp_path)])
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1 and f"OLD {tmp_path}: has no" in err
