"""The tables of a run."""

from selfplay.run_log import Table


def test_an_old_log_keeps_its_columns(tmp_path):
    """Figures that are younger than a run are left out of its table."""
    for row in ({"iteration": 1, "old": 2}, {"iteration": 2, "new": 5, "old": 3}):
        table = Table(tmp_path / "progress.csv")
        table.write(row)
        table.close()
    lines = (tmp_path / "progress.csv").read_text().splitlines()
    assert lines == ["iteration,old", "1,2", "2,3"]
