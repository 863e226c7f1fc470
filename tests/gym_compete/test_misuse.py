"""All faces of a match refuse the same misuse: options, versions, steps before a reset."""

import gymnasium
import numpy as np
import pytest

from gym_compete import CompeteEnv, CompeteVectorEnv, OneSeat, parallel_env, spec

REST = np.zeros(8)  # an ant's action


def one_seat(**options):
    """Against an ant that does nothing."""
    return OneSeat("sumo-ants", 0, lambda ob: REST, **options)


FACES = {"one": lambda: CompeteEnv("sumo-ants"), "seat": one_seat,
         "many": lambda: CompeteVectorEnv("sumo-ants", 2),
         "dicts": lambda: parallel_env("sumo-ants")}
ACTIONS = {"one": (REST, REST), "seat": REST, "many": [np.zeros((2, 8))] * 2,
           "dicts": dict.fromkeys(("agent0", "agent1"), REST)}

faces = pytest.mark.parametrize("face", FACES)


def radius(env):
    """Of the first match's ring."""
    env = getattr(env, "env", env)
    return env.game.radius[0]


@pytest.mark.parametrize("option", ["num_envs", "num_threads"])
@pytest.mark.parametrize("make", [
    lambda **options: gymnasium.make("sumo-ants-v0", **options), one_seat,
    lambda **options: parallel_env("sumo-ants", **options),
    lambda **options: spec("sumo-ants", **options)])
def test_the_size_of_a_vector_is_no_option(make, option):
    """One match is one match."""
    with pytest.raises(ValueError, match=f"^sumo-ants has no option '{option}': must be one of "):
        make(**{option: 3})


@faces
def test_a_step_before_the_first_reset(face):
    """There is no match whose rewards it could return."""
    env = FACES[face]()
    error = ValueError if face == "dicts" else gymnasium.error.ResetNeeded
    with pytest.raises(error, match="^no match is being played: call reset first$"):
        env.step(ACTIONS[face])
    env.reset(seed=0)
    env.step(ACTIONS[face])


def test_a_restored_vector_is_played_on():
    """`set_state` starts its matches, too."""
    one, other = FACES["many"](), FACES["many"]()
    one.reset()
    other.set_state(one.get_state())
    np.testing.assert_array_equal(other.step(ACTIONS["many"])[0], one.step(ACTIONS["many"])[0])


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "x", True, [1]])
@faces
def test_a_bad_version(face, bad):
    """It is named and not kept: the next reset is as if it had not been asked for."""
    env = FACES[face]()
    env.reset(seed=1, options={"version": 0})
    with pytest.raises(ValueError, match="^version .*: must be None or a finite number of at least "
                                         "0$"):
        env.reset(seed=2, options={"version": bad})
    env.reset(options={"version": 0, "another": bad})
    found = radius(env)
    again = FACES[face]()
    again.reset(seed=1, options={"version": 0})
    again.reset(options={"version": 0})
    assert found == radius(again) < 2.6
    env.reset()
    assert getattr(env, "version", None) == (0 if face in ("seat", "many") else None)


@faces
def test_options_that_are_no_dict(face):
    """They are named, instead of an AttributeError."""
    with pytest.raises(ValueError, match="^options 3: must be None or a dict$"):
        FACES[face]().reset(options=3)


@faces
@pytest.mark.filterwarnings("error:overflow")
def test_versions_that_are_good(face):
    """None, and numbers of any kind and size."""
    env = FACES[face]()
    for version in (None, 0, 2.5, np.int64(3), np.float32(4), 1e6, np.float32(2e5), 10**300):
        env.reset(seed=0, options={"version": version})


def test_a_seat_made_with_a_bad_version():
    with pytest.raises(ValueError, match="^version -1: must be None or a finite number"):
        one_seat(version=-1)
