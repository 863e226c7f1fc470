"""The example for Stable-Baselines3, with a stand-in for that package where it is not installed."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from small import refused

import gym_compete

ROOT = Path(gym_compete.__file__).resolve().parents[1]
BLOCKER = str(ROOT / "parameters/you-shall-not-pass/agent0.npz")


class Ppo:
    """Plays one match with random actions for every call of `learn`; takes what PPO is given.

    It counts whole rollouts only.
    """

    rollout = 1

    def __init__(self, policy, env, **options):
        self.env, self.num_timesteps, self.ep_info_buffer = env, 0, []

    def learn(self, timesteps, reset_num_timesteps):
        self.env.reset(seed=self.num_timesteps)
        over = False
        while not over:
            *_, terminated, truncated, info = self.env.step(self.env.action_space.sample())
            over = terminated or truncated
        self.num_timesteps += -(-timesteps // self.rollout) * self.rollout
        self.ep_info_buffer.append({"outcome": info["outcome"]})


@pytest.fixture
def example(monkeypatch):
    """The example's module, with the stand-in."""
    for name, what in (("", {"PPO": Ppo}), (".common.vec_env", {"VecNormalize": lambda env: env}),
                       (".common.env_util", {"make_vec_env": lambda make, **options: make()})):
        module = ModuleType(f"stable_baselines3{name}")
        module.__dict__.update(what)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "examples.stable_baselines3", raising=False)
    yield importlib.import_module("examples.stable_baselines3")
    del sys.modules["examples.stable_baselines3"]


def test_it_meets_the_opponent(example, capfd):
    """A walker that flails learns nothing against the blocker, and ten lines say so."""
    model = example.main(["--opponent", BLOCKER, "--seat", "1", "--timesteps", "1000"])
    env = model.env
    assert env.game.name == "you-shall-not-pass" and env.seat == 1 and env.opponent.path == BLOCKER
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "1,000 steps: wins 0, loses 10 of the last 10 matches" and len(lines) == 10


def test_it_stops_at_the_rollout_it_needs(example, monkeypatch):
    """Steps of whole rollouts add up to those asked for, not to ten times one rollout too many."""
    monkeypatch.setattr(Ppo, "rollout", 300)
    model = example.main(["--opponent", BLOCKER, "--seat", "1", "--timesteps", "1000"])
    assert model.num_timesteps == 1200


def test_a_file_that_cannot_play(example, capfd):
    """One line that names it."""
    refused(example.main, ["--opponent", "missing.npz"], "error: missing.npz: ", capfd)


@pytest.mark.parametrize("words, culprit", [
    ([], "--opponent"), (["--seat", "x"], "--seat: invalid int value: 'x'"),
    (["--seat", "2"], "seat 2: must be 0 or 1"),
    (["--timesteps", "-1"], "--timesteps -1: must be at least 10")])
def test_a_bad_command_line(example, words, culprit, capfd):
    """One line."""
    given = ["--opponent", BLOCKER] if words else []
    refused(example.main, [*given, *words], culprit, capfd)


def test_without_the_library(example, monkeypatch, capfd):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    refused(example.main, ["--opponent", BLOCKER], "pip install -r examples/requirements", capfd)


def test_its_packages_are_no_part_of_ours():
    """Pinned where the example is; those that training uses too have the same versions."""
    pins, ours = (dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / name).read_text(), re.M))
                  for name in ("examples/requirements.txt", "requirements.txt"))
    assert "stable-baselines3" in pins and not {"stable-baselines3", "torch"} & set(ours)
    assert all(pins[name] == ours[name] for name in set(pins) & set(ours))
