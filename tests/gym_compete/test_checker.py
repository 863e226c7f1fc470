"""Gymnasium's environment checker: all that knows tuples as they are, the whole on one number."""

import warnings

import gymnasium
import pytest
from checks import NO_FAULT
from gymnasium.utils import env_checker
from made_states import SIX

from gym_compete import GAMES

WRAPPED = "is different from the unwrapped version"


def raw(name):
    """The environment without the wrappers of `gymnasium.make`, as the checker wants it."""
    return gymnasium.make(GAMES[name].env_id).unwrapped


def warnings_of(check, *args):
    """The warnings of a check, but for those about no fault."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check(*args)
    texts = [str(warning.message) for warning in found]
    return [text for text in texts if not any(known in text for known in NO_FAULT)]


@pytest.mark.parametrize("check", [
    env_checker.check_reset_seed_determinism, env_checker.check_reset_options,
    env_checker.check_step_determinism, env_checker.check_returned_data_not_reused,
    env_checker.check_reset_return_info_deprecation, env_checker.check_seed_deprecation])
@pytest.mark.parametrize("name", SIX)
def test_checks_that_take_tuples(name, check):
    """Seeds, options, determinism and buffers, on the environment as users get it."""
    assert warnings_of(check, raw(name)) == []


@pytest.mark.parametrize("name", SIX)
def test_what_tuples_hold(name):
    """What the checker would look at, were there one agent: spaces, floats and bools."""
    env = raw(name)
    for space, kind in ((env.observation_space, "observation"), (env.action_space, "action")):
        assert warnings_of(env_checker.check_space_limit, space, kind) == []
    obs, infos = env.reset(seed=0)
    assert obs in env.observation_space and infos == ({}, {})
    obs, rewards, terminated, truncated, infos = env.step(env.action_space.sample())
    assert obs in env.observation_space
    assert type(terminated) is type(truncated) is bool
    assert [type(reward) for reward in rewards] == [float] * 2
    assert [type(info) for info in infos] == [dict] * 2


class OneNumber(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """The sum of both rewards and one dict of both infos: tuples of these the checker refuses."""

    def __init__(self, env):
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)

    def reset(self, *, seed=None, options=None):
        obs, infos = self.env.reset(seed=seed, options=options)
        return obs, dict(zip(("agent0", "agent1"), infos))

    def step(self, action):
        obs, rewards, terminated, truncated, infos = self.env.step(action)
        return obs, sum(rewards), terminated, truncated, dict(zip(("agent0", "agent1"), infos))


@pytest.mark.parametrize("name", SIX)
def test_the_whole_checker(name):
    """Closing twice included; it warns of nothing but the wrapper that it runs on."""
    env = OneNumber(raw(name))
    texts = warnings_of(lambda: env_checker.check_env(env, skip_render_check=True))
    assert [text for text in texts if WRAPPED not in text] == []
