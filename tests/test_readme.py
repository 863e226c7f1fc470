"""The examples of README and docs/extending.md are the code that is tested."""

import importlib.util
import re
from pathlib import Path

import pytest
from small import SMALL

import load_parameter_run
import run
from common.parameter_file import load_parameters
from networks import loading

REPOSITORY = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)


def test_the_seventh_game_is_the_tested_one():
    """docs/extending.md shows tests/example_game.py as it is."""
    source = (REPOSITORY / "tests" / "example_game.py").read_text()
    text = (REPOSITORY / "docs" / "extending.md").read_text()
    assert source in re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_policy_of_your_own(tmp_path, monkeypatch, capfd):
    """README's policy, in a file of its own, trains by its name and is watched by its name."""
    source, = (block for block in BLOCKS if "(Policy)" in block)
    (tmp_path / "my_policy.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path))
    monkeypatch.setattr(loading, "POLICIES", dict(loading.POLICIES))
    name = ["--policy", "my_policy:NormPolicy"]
    run.main([*SMALL, *name, "--run", "mine", "--max-iters", "2"])
    header = load_parameters(tmp_path / "mine/agent0/000002.npz")[1]
    assert header["policy"] == "my_policy:NormPolicy" and header["policy_args"] == {}
    watch = ["--run", "mine", "--max-episodes", "1", "--integrator", "Euler"]
    monkeypatch.setattr(loading, "POLICIES", {"mlp": "policy:MlpPolicy"})
    with pytest.raises(SystemExit):
        load_parameter_run.main(watch)
    assert "--policy module:Class admits others" in capfd.readouterr().err
    load_parameter_run.main([*watch, *name])
    assert "1 match of run-to-goal-ants" in capfd.readouterr().out


@pytest.mark.skipif(not importlib.util.find_spec("pettingzoo"), reason="needs PettingZoo")
def test_the_games_alone(monkeypatch):
    """README's environments of one match and of many can be made and played as printed."""
    source, = (block for block in BLOCKS if "import gymnasium, gym_compete" in block)
    monkeypatch.chdir(REPOSITORY)
    names = {}
    exec(source, names)
    for name in ("env", "solo", "pair"):
        names[name].reset(seed=0)
    solo, (obs, _) = names["solo"], names["games"].reset()
    assert [len(ob) for ob in obs] == [64, 64]
    assert solo.step(solo.action_space.sample())[0].shape == solo.observation_space.shape


def test_the_two_commands_are_those_of_ci():
    """CI runs README's test command, after ruff."""
    commands = re.findall(r"^python3 -m venv .*$", (REPOSITORY / "README.md").read_text(), re.M)
    assert len(commands) == 2
    ci = (REPOSITORY / ".ci" / "run").read_text()
    for what in (" -q", ".venv/bin/ruff check . && "):
        assert what in ci
        ci = ci.replace(what, "", 1)
    assert "requirements-dev.txt && .venv/bin/python -m pytest" in ci
