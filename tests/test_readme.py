"""README's examples are the code that is tested."""

import re
from pathlib import Path

from test_learn import HEADERS, TINY

import policy
from gym_compete import CompeteVectorEnv
from learn import compete_learn

REPOSITORY = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)


def test_the_seventh_game_is_the_tested_one():
    """README shows tests/example_game.py as it is."""
    source = (REPOSITORY / "tests" / "example_game.py").read_text()
    assert source in BLOCKS


def test_the_policy_of_your_own_trains(tmp_path):
    """README's policy, pasted into policy.py, learns for two iterations."""
    source, = (block for block in BLOCKS if "(Policy)" in block)
    names = dict(vars(policy))
    exec(source, names)
    made = names["ResidualPolicy"]
    env = CompeteVectorEnv("run-to-goal-ants", 4, seed=0, integrator="Euler")
    progress = compete_learn(
        env, lambda name, seat, rng: made(name, 122, 8, rng, hid_size=4), str(tmp_path / "run"),
        HEADERS, {}, **{**TINY, "max_iters": 2})
    env.close()
    assert progress.iteration == 2


def test_the_two_commands_are_those_of_ci():
    """CI runs README's test command."""
    commands = re.findall(r"^python3 -m venv .*$", (REPOSITORY / "README.md").read_text(), re.M)
    assert len(commands) == 2
    ci = (REPOSITORY / ".ci" / "run").read_text()
    assert "requirements-dev.txt && .venv/bin/python -m pytest" in ci.replace(" -q", "", 1)
