"""The ensemble experiment at its smallest."""

from small_study import IN_MATCHES, conduct_twice

from experiments import ensemble

EXTRA = ("--num-envs", "6", "--latest-share", "1", "--timesteps-per-batch", "24")


def test_ensemble(tmp_path, in_process, monkeypatch, capfd):
    """Interrupted and resumed it ends alike; all three learners meet the single one."""
    result = conduct_twice(ensemble.EXPERIMENT, IN_MATCHES, tmp_path, monkeypatch, capfd, "--game",
                           "sumo-humans", extra=EXTRA)
    found = result["results"]["sumo-humans"]["arms"]
    assert found["three"]["wins"]["games"] == 6  # two with each
    assert found["three"]["wins"] == found["single"]["losses"]
    runs = tmp_path / "one" / "runs"
    assert sorted(path.name for path in runs.glob("*-three-seed0/agent*")) == [
        "agent0a", "agent0b", "agent0c"]
