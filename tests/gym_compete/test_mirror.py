"""A mirrored match is a match: the physics commutes with the mirror, and seat 1 does not notice."""

import mujoco
import numpy as np
import pytest
from made_states import SIX

from gym_compete import CompeteVectorEnv
from gym_compete.mirror import Mirror, Reflection


def mirrored_state(game, i):
    """qpos and qvel of match i in the mirror."""
    model = game.sim.models[i]
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    qpos, qvel = (game.sim.columns[name][i].copy() for name in ("qpos", "qvel"))
    if game.name == "kick-and-defend":  # the ball
        qpos[:7] *= [1, -1, 1, 1, -1, 1, -1]
        qvel[:6] *= [1, -1, 1, -1, 1, -1]
    for seat in game.seats:
        robot = Reflection(model, data, seat)
        for state, cut, (places, signs) in ((qpos, seat.qpos_slice, robot.qpos),
                                            (qvel, seat.qvel_slice, robot.qvel)):
            state[cut] = state[cut][places] * signs
    return qpos, qvel


@pytest.mark.parametrize("name", SIX)
def test_the_physics_commutes_with_the_mirror(name, rng):
    """Mirrored actions in a mirrored match are seen as the match in the mirror."""
    env = CompeteVectorEnv(name, 2, seed=3)
    env.reset()
    game, mirror = env.game, Mirror(env.game)
    if hasattr(game, "radius"):
        game._set_radius(1, game.radius[0])
    game.sim.place(1, *mirrored_state(game, 0))
    # Humanoids are symmetric but for a little: the range of one hip.
    rounds, later = (12, 1e-3) if name.endswith("ants") else (4, 0.5)
    for most in [1e-6] + [later] * rounds:
        game.observe(env.obs)
        for seat, ob in enumerate(env.obs):
            image, far = mirror.obs(seat, ob[:1])[0], np.abs(ob[1])
            assert (np.abs(image - ob[1]) <= most * (1 + far)).all()
            assert np.abs(ob[0] - ob[1]).max() > 0.1  # it is another match
        acs = [rng.uniform(-0.4, 0.4, (1, size)) for size in env.ac_dims]
        env.step([np.concatenate([ac, mirror.acs(seat, ac)]) for seat, ac in enumerate(acs)])
    env.close()


@pytest.mark.parametrize("name", SIX)
def test_the_mirror_of_the_mirror_is_the_match(name, rng):
    env = CompeteVectorEnv(name, 1)
    mirror = Mirror(env.game)
    for seat in (0, 1):
        ob, ac = (rng.normal(size=(2, dims[seat])) for dims in (env.ob_dims, env.ac_dims))
        np.testing.assert_array_equal(mirror.obs(seat, mirror.obs(seat, ob)), ob)
        np.testing.assert_array_equal(mirror.acs(seat, mirror.acs(seat, ac)), ac)
        assert np.any(mirror.acs(seat, ac) != ac)
    env.close()


def mirrored_for_seat_1(mirror, seats, turned):
    """Both seats' observations, seat 1's of the matches in the mask `turned` as mirrored."""
    ours = seats[1].copy()
    ours[turned] = mirror.obs(1, ours[turned])
    return seats[0], ours


def test_every_other_match_is_mirrored_for_seat_1_alone(rng):
    """The same matches, with seat 1 of every other one seeing and doing what the mirror says.

    The odd ones first, then, wherever a match follows another, the other way round; so a place
    has matches of both kinds, and a single environment too.
    """
    plain, mirrored = (CompeteVectorEnv("sumo-ants", 3, 1 + on, seed=5, mirror=bool(on),
                                        max_episode_steps=4) for on in (0, 1))
    mirror, turned = Mirror(plain.game), np.array([False, True, False])
    obs, _ = plain.reset()
    seen, _ = mirrored.reset()
    restarts = 0
    for _ in range(9):
        for one, other in zip(seen, mirrored_for_seat_1(mirror, obs, turned), strict=True):
            np.testing.assert_array_equal(one, other)
        acs = [rng.uniform(-1, 1, (3, 8)).astype(np.float32) for _ in (0, 1)]
        done = [acs[0], acs[1].copy()]
        done[1][turned] = mirror.acs(1, done[1][turned])
        obs, rewards, over, cut, _ = plain.step(done)
        kept = acs[1].copy()
        seen, theirs, *_ = mirrored.step(acs)
        np.testing.assert_array_equal(theirs, rewards)
        np.testing.assert_array_equal(acs[1], kept)  # the caller's own array
        turned, restarts = turned ^ over ^ cut, restarts + (over | cut).sum()
    assert restarts == 6
    for one, other in zip(mirrored.reset(seed=5)[0],  # from the beginning
                          mirrored_for_seat_1(mirror, plain.reset(seed=5)[0], [1]), strict=True):
        np.testing.assert_array_equal(one, other)
    plain.close()
    mirrored.close()


def test_the_state_says_who_is_in_the_mirror():
    """What follows is the same; in older states it is the odd ones, in others nobody."""
    env, other, plain = (CompeteVectorEnv("run-to-goal-ants", 2, seed=5, mirror=mirror,
                                          max_episode_steps=3) for mirror in (True, True, False))
    env.reset()
    for _ in range(3):
        env.step([np.zeros((2, 8))] * 2)
    state = env.get_state()
    other.set_state(state)
    np.testing.assert_array_equal(other.obs, env.obs)
    seen = env.obs[1].copy()
    del state["mirrored"]
    for each in (other, plain):
        each.set_state(state)
    for found, turned in ((seen, [0]), (other.obs[1], [1])):
        np.testing.assert_array_equal(
            found, mirrored_for_seat_1(Mirror(plain.game), plain.obs, turned)[1])
    assert "mirrored" not in plain.get_state()
    for each in (env, other, plain):
        each.close()


def test_a_game_that_the_mirror_does_not_know_is_named(monkeypatch):
    from gym_compete.games import RunToGoalAnts

    blocks = RunToGoalAnts.blocks
    monkeypatch.setattr(RunToGoalAnts, "blocks", lambda game, me, other: [
        *blocks(game, me, other), ("weather", np.zeros((game.num_envs, 1)))])
    with pytest.raises(ValueError, match="run-to-goal-ants has no mirror image.*'weather'"):
        CompeteVectorEnv("run-to-goal-ants", 1, mirror=True)


@pytest.mark.parametrize("name", SIX)
def test_blocks_are_found_by_keys(name):
    """A block's key is an identifier, sliced at most: what it holds is told in docs/games.md."""
    env = CompeteVectorEnv(name, 1)
    keys = [key for key, _ in env.game.blocks(*env.game.seats)]
    env.close()
    assert all(key.removesuffix("[2:]").isidentifier() for key in keys)
    assert len(set(keys)) == len(keys)
