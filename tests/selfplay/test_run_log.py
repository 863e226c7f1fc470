"""A run's folder and the tables in it."""

import pytest

from common.command_line import InputError
from selfplay import run_lock, run_log
from selfplay.run_log import Table, cut_off, open_run


def test_an_old_log_keeps_its_columns(tmp_path):
    """Figures that are younger than a run are left out of its table."""
    for row in ({"iteration": 1, "old": 2}, {"iteration": 2, "new": 5, "old": 3}):
        table = Table(tmp_path / "progress.csv")
        table.write(row)
        table.close()
    lines = (tmp_path / "progress.csv").read_text().splitlines()
    assert lines == ["iteration,old", "1,2", "2,3"]


def test_resuming_deletes_half_written_files_alone(tmp_path):
    """Those that a killed process has left; a user's files and folders stay, whatever their names.
    """
    left = ["config.json.tmp4711", "agent0/000003.npz.tmp1"]
    theirs = ["notes.tmpl", "notes.tmp", "agent0/a.tmp1.txt", "kept.tmp2/b"]
    for name in left + theirs:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    open_run(str(tmp_path), {}, resumed=True)
    run_lock.release_all()
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {*theirs, run_lock.NAME}


def test_a_full_disk_leaves_no_folder(tmp_path, monkeypatch):
    """The same command works once there is space again."""
    def full(path, thing):
        raise OSError(28, "No space left on device", path)

    with monkeypatch.context() as patch:
        patch.setattr(run_log, "write_json", full)
        with pytest.raises(InputError, match="^--run new: No space left on device$"):
            open_run(str(tmp_path / "new"), {})
    run_lock.release_all()
    assert not list(tmp_path.iterdir())
    open_run(str(tmp_path / "new"), {})
    run_lock.release_all()
    with pytest.raises(InputError, match="--run new: exists already"):
        open_run(str(tmp_path / "new"), {})
    assert (tmp_path / "new/config.json").exists()


def test_each_table_that_has_lost_its_end_is_kept(tmp_path):
    """Under a name of its own; what has been kept before stays."""
    table = tmp_path / "progress.csv"
    for name in ("progress.csv.before", "progress.csv.before2", "progress.csv.before3"):
        table.write_text(name)
        said, = cut_off(str(tmp_path), {"progress.csv": 1000})
        assert f"kept as {name}, it starts again" in said
    for path in tmp_path.iterdir():
        assert path.read_text() == path.name
