"""The PettingZoo face: its own tests pass, and it plays the matches that Gymnasium's face does."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from made_states import SIX
from pettingzoo.test import parallel_api_test, parallel_seed_test

from gym_compete import GAMES, parallel_env

LIMIT = 9  # steps, so that matches end within the tests


@pytest.mark.filterwarnings("error")  # their test only warns of agents that were forgotten
@pytest.mark.parametrize("name", SIX)
def test_pettingzoos_api_test(name):
    """With and without the end of a match on the way."""
    for limit in (LIMIT, 500):
        parallel_api_test(parallel_env(name, max_episode_steps=limit), num_cycles=12)


@pytest.mark.parametrize("name", SIX)
def test_pettingzoos_seed_test(name):
    parallel_seed_test(lambda: parallel_env(name), num_cycles=10)


@pytest.mark.parametrize("name", SIX)
def test_the_same_match_as_gymnasiums(name):
    """Everything that two matches return, the second one without a seed."""
    options = {"version": 800}
    single = gymnasium.make(GAMES[name].env_id, max_episode_steps=LIMIT)
    env = parallel_env(name, max_episode_steps=LIMIT)
    assert env.possible_agents == ["agent0", "agent1"] and env.max_num_agents == 2
    for seed in (5, None):
        expected = single.reset(seed=seed, options=options)
        assert_same(env.reset(seed=seed, options=options), expected)
        assert env.agents == env.possible_agents
        over = False
        while not over:
            actions = single.action_space.sample()
            obs, rewards, terminated, truncated, infos = single.step(actions)
            over = terminated or truncated
            found = env.step(dict(zip(env.agents, actions)))
            assert_same(found, (obs, rewards, [terminated] * 2, [truncated] * 2, infos))
            np.testing.assert_array_equal(env.state(), np.concatenate(obs))
            assert env.state() in env.state_space
        assert env.agents == [] and all("ending" in info for info in found[-1].values())
    env.close()


def assert_same(dicts, tuples):
    for ours, theirs in zip(dicts, tuples, strict=True):
        assert list(ours) == ["agent0", "agent1"]
        for mine, yours in zip(ours.values(), theirs, strict=True):
            assert type(mine) is type(yours)
            np.testing.assert_equal(mine, yours)


def test_seeds_differ():
    """The seed is used: another one starts another match."""
    env = parallel_env("sumo-ants")
    first, again, other = (env.reset(seed=seed)[0]["agent0"] for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_spaces_belong_to_the_agents():
    """Each agent's own, the same object at each call."""
    env = parallel_env("kick-and-defend-v0")
    for seat, agent in enumerate(env.possible_agents):
        assert env.observation_space(agent) is env.observation_space(agent)
        assert env.observation_space(agent) is env.env.observation_space[seat]
        assert env.action_space(agent) is env.env.action_space[seat]
    assert env.metadata["name"] == str(env) == "kick-and-defend_v0"


@pytest.mark.parametrize("agents, message", [
    ([], "actions of nobody: must be of agent0 and agent1"),
    (["agent1"], "actions of agent1: must be of agent0 and agent1"),
    (["agent0", "agent1", "ball"], "actions of agent0, agent1, ball: must be of agent0 and agent1"),
])
def test_one_action_for_each_agent(agents, message):
    env = parallel_env("run-to-goal-ants")
    env.reset(seed=0)
    with pytest.raises(ValueError) as error:
        env.step(dict.fromkeys(agents, np.zeros(8)))
    assert str(error.value) == message


@pytest.mark.parametrize("actions", [None, [np.zeros(8)] * 2, ["agent0", "agent1"]])
def test_actions_are_a_dict(actions):
    env = parallel_env("run-to-goal-ants")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="^actions .*: must be a dict by agent0 and agent1$"):
        env.step(actions)


def test_a_match_must_be_started():
    """Before the first one and after the end of each."""
    env = parallel_env("run-to-goal-ants", max_episode_steps=1)
    actions = dict.fromkeys(env.possible_agents, np.zeros(8))
    for start in (False, True):
        if start:
            env.reset(seed=0)
            env.step(actions)
        with pytest.raises(ValueError, match="no match is being played: call reset first"):
            env.step(actions)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unknown game 'chess': must be one of run-to-goal-ants"):
        parallel_env("chess")
    with pytest.raises(ValueError, match="sumo-ants has no option 'gravity'"):
        parallel_env("sumo-ants", gravity=0)


WITHOUT = """
import sys
sys.modules["pettingzoo"] = None
import gym_compete
gym_compete.CompeteEnv("sumo-ants").reset(seed=0)
try:
    gym_compete.parallel_env("sumo-ants")
except ImportError as error:
    print(error)
"""


def test_the_games_do_without_pettingzoo():
    """Only `parallel_env` needs it, and says so; importing the games does not import it."""
    found = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert found.stdout == "parallel_env needs PettingZoo: pip install pettingzoo\n", found.stderr
    lazy = "import sys, gym_compete; print('pettingzoo' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", lazy], capture_output=True, text=True)
    assert found.stdout == "False\n", found.stderr
