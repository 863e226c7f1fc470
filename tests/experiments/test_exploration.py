"""The exploration experiment at its smallest."""

import json

from small_study import conduct_twice

from experiments import exploration

EXTRA = ("--num-envs", "4", "--timesteps-per-batch", "48", "--optim-batchsize", "24")


def test_exploration(tmp_path, in_process, monkeypatch, capfd):
    """Broken off twice it ends alike; each arm's alpha is what its name says."""
    result = conduct_twice(exploration.EXPERIMENT, tmp_path, monkeypatch, capfd, "--game",
                           "sumo-humans", extra=EXTRA)
    alphas = {}
    for run in (tmp_path / "one" / "runs").iterdir():
        lines = (run / "progress.csv").read_text().splitlines()
        column = lines[0].split(",").index("run/alpha")
        alphas[run.name] = [float(line.split(",")[column]) for line in lines[1:]]
    assert alphas["sumo-humans-kept-seed0"] == [1, 1]
    assert alphas["sumo-humans-never-seed0"] == [0, 0]
    annealed = json.loads((tmp_path / "one/runs/sumo-humans-annealed-seed0/config.json")
                          .read_text())
    assert annealed["alpha_final"] == 0 and annealed["dense_iters"] > 0 or annealed["anneal_iters"]
    curves = result["results"]["sumo-humans"]["curves"]
    assert list(curves) == ["annealed", "kept", "never"]
    for (point,) in curves.values():  # the last version against 0 and 1, two games each
        assert point["version"] == 2 and point["wins"]["games"] == 4
        assert sum(point[what]["share"] for what in ("wins", "losses", "ties")) == 1
