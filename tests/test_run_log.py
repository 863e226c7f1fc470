"""A run's CSV files."""

from run_log import Table


def test_a_table_keeps_the_columns_it_began_with(tmp_path):
    """A run of an earlier version, whose rows had fewer figures, goes on with those."""
    path = tmp_path / "progress.csv"
    path.write_text("iteration,run/alpha\n1,1.0\n")
    table = Table(path)
    table.write({"iteration": 2, "run/new": 7, "run/alpha": 0.5})
    table.close()
    assert path.read_text() == "iteration,run/alpha\n1,1.0\n2,0.5\n"
