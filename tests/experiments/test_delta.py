"""The delta experiment at its smallest."""

import json

from small_study import IN_TRAINING, conduct_twice

from experiments import delta


def test_delta(tmp_path, in_process, monkeypatch, capfd):
    """Interrupted and resumed it ends alike; the paper's numbers stand beside ours."""
    monkeypatch.setattr(delta, "DELTAS", ("0.5", "0"))
    result = conduct_twice(delta.EXPERIMENT, IN_TRAINING, tmp_path, monkeypatch, capfd, "--game",
                           "sumo-humans", extra=("--num-envs", "4", "--latest-share", "0.5",
                                                 "--timesteps-per-batch", "36"))
    found = result["results"]["sumo-humans"]
    cells, table = found["matrix"], (tmp_path / "one" / "table.md").read_text()
    assert cells["0.5"]["0"]["wins"] == cells["0"]["0.5"]["losses"] == found["expected"]["0.5"][
        "wins"]
    assert cells["0"]["0.5"]["ties"]["games"] == 2
    assert "(73 %)" in table and "(16 %)" in table and "| 63 % " in table
    for value in delta.DELTAS:
        config = tmp_path / "one" / "runs" / f"sumo-humans-{value}-seed0" / "config.json"
        assert json.loads(config.read_text())["delta"] == float(value)
