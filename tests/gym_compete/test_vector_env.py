"""Single, vector and restored matches are the same matches; bad arguments are named."""

import io

import gymnasium
import numpy as np
import pytest
from made_states import SIX

from gym_compete import GAMES, CompeteVectorEnv, find_game

LIMIT = 7  # steps, so that every match ends and starts again


def actions(env, rng):
    """Random actions, some beyond the motors' range."""
    return [rng.normal(0, 0.5, (env.num_envs, size)) for size in env.ac_dims]


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("name", SIX)
def test_match_i_is_the_single_environment_with_seed_plus_i(name, num_threads, rng):
    """Observations, rewards, endings and infos, over several restarts and with a curriculum."""
    options = {"version": 1000}
    vector = CompeteVectorEnv(name, 3, num_threads, seed=11, max_episode_steps=LIMIT)
    singles = [gymnasium.make(GAMES[name].env_id, max_episode_steps=LIMIT) for _ in range(3)]
    obs, _ = vector.reset(options=options)
    for i, single in enumerate(singles):
        ours, _ = single.reset(seed=11 + i, options=options)
        np.testing.assert_array_equal([ob[i] for ob in obs], ours)
    restarts = 0
    for _ in range(2 * LIMIT + 2):
        acs = actions(vector, rng)
        obs, rewards, terminated, truncated, infos = vector.step(acs)
        for i, single in enumerate(singles):
            found = single.step([ac[i] for ac in acs])
            ours, our_rewards, over, cut, our_infos = found
            assert (over, cut) == (terminated[i], truncated[i])
            np.testing.assert_array_equal(rewards[:, i], np.float32(our_rewards))
            same_infos(infos, i, our_infos, vector.game)
            if over or cut:
                restarts += 1
                ours, _ = single.reset(options=options)
            np.testing.assert_array_equal([ob[i] for ob in obs], ours)
    assert restarts >= 6
    vector.close()


def test_on_start_provides_each_matchs_generator():
    """At `reset` and at every restart; without the hook a match goes on with its generator."""
    seeds, given = iter(range(100)), []

    def on_start(i):
        given.append((i, next(seeds)))
        return np.random.default_rng(given[-1][1])

    env = CompeteVectorEnv("run-to-goal-ants", 2, max_episode_steps=LIMIT)
    env.on_start = on_start
    env.reset()
    starts = [[ob.copy() for ob in env.obs]]
    for _ in range(LIMIT):
        env.step([np.zeros((2, size)) for size in env.ac_dims])
    starts.append(env.obs)
    assert given == [(0, 0), (1, 1), (0, 2), (1, 3)]
    one = CompeteVectorEnv("run-to-goal-ants", 1)
    for i, seed in given:
        one.np_randoms = [np.random.default_rng(seed)]
        one.reset()
        for found, expected in zip(starts[seed // 2], one.obs, strict=True):
            np.testing.assert_array_equal(found[i], expected[0])


def same_infos(infos, i, ours, game):
    for seat, info in enumerate(ours):
        for key in ("reward_move", "reward_remaining"):
            assert infos[key][seat, i] == np.float32(info[key])
        for part, values in infos["parts"][seat].items():
            assert values[i] == info[part]
        assert (infos["winner"][i] == seat) == info.get("winner", False)
        assert game.endings[infos["ending"][i]] == info.get("ending", "")


def record(env, rng, steps):
    """Everything that `steps` random steps return."""
    found = []
    for _ in range(steps):
        obs, rewards, terminated, truncated, infos = env.step(actions(env, rng))
        arrays = [*obs, rewards, terminated, truncated, infos["reward_move"], infos["winner"],
                  infos["ending"], infos["steps"]]
        found.append([array.copy() for array in arrays])
    return found


def assert_same_record(one, other):
    for ours, theirs in zip(one, other, strict=True):
        for mine, yours in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize("name", SIX)
def test_state_round_trip(name):
    """What follows `set_state` is the same bit for bit, in a fresh vector, through a plain npz."""
    env = CompeteVectorEnv(name, 2, seed=1, max_episode_steps=13)
    env.reset(options={"version": 500})
    record(env, np.random.default_rng(1), 8)
    obs = [ob.copy() for ob in env.obs]
    file = io.BytesIO()
    np.savez(file, **env.get_state())
    expected = record(env, np.random.default_rng(2), 20)
    file.seek(0)
    with np.load(file, allow_pickle=False) as state:
        fresh = CompeteVectorEnv(name, 2, num_threads=2, seed=99, max_episode_steps=13)
        fresh.reset()
        for again in (fresh, env):
            again.set_state(state)
            np.testing.assert_array_equal(again.obs, obs)
            assert again.version == 500
            assert_same_record(record(again, np.random.default_rng(2), 20), expected)


@pytest.mark.parametrize("name", ["sumo-ants", "kick-and-defend"])
def test_state_remembers_the_game(name):
    """Ring, contact and steps are part of a match's state."""
    env = CompeteVectorEnv(name, 2, seed=1)
    env.reset()
    env.game.touched[:] = False, True
    env.game.steps[:] = 3, 4
    state = env.game.get_state()
    other = CompeteVectorEnv(name, 2, seed=2)
    other.reset()
    other.game.set_state(state)
    assert other.game.touched.tolist() == [False, True] and other.game.steps.tolist() == [3, 4]
    if name == "sumo-ants":
        sizes = [model.geom("arena").size[0] for model in other.game.sim.models]
        np.testing.assert_array_equal(sizes, env.game.radius)
    with pytest.raises(ValueError, match="a state of 2 matches for 1"):
        find_game(name)(1).set_state(state)


def test_a_match_begins_with_nothing_to_tell():
    """Infos of the match before are gone after `reset` and `set_state`; at first there are none."""
    env = CompeteVectorEnv("you-shall-not-pass", 2, seed=1, max_episode_steps=2)

    def is_clear(infos):
        named = {name: infos[name] for name in infos.keys() - {"parts", "winner", "final_obs"}}
        assert not any(np.any(values) for values in (*named.values(), *infos["final_obs"]))
        assert infos["parts"] == ({}, {}) and (infos["winner"] == -1).all()

    is_clear(env.infos)
    env.reset()
    state = env.get_state()
    for again in (env.reset, lambda: (env.set_state(state), env.infos)):
        record(env, np.random.default_rng(1), 2)
        env.infos["final_obs"][0][:] = env.infos["final_potential"][:] = 1  # as of a truncated one
        assert env.infos["ending"].all() and (env.infos["winner"] == 0).all()
        is_clear(again()[1])


def test_version_none_survives_the_state():
    env = CompeteVectorEnv("sumo-ants", 1, seed=0)
    env.reset()
    other = CompeteVectorEnv("sumo-ants", 1, seed=0)
    other.reset(options={"version": 7})
    other.set_state(env.get_state())
    assert other.version is None


def test_the_vector_keeps_its_version():
    """Resets on the way use it, too; the single environment is told at each reset."""
    env = CompeteVectorEnv("sumo-humans", 4, seed=0, max_episode_steps=1)
    env.reset(options={"version": 0})
    for _ in range(5):
        assert env.game.radius.max() < 1.6 + 1e-9
        env.step([np.zeros((4, 17))] * 2)
    env.reset(options={"version": None})
    radii = []
    for _ in range(5):
        radii.extend(env.game.radius)
        env.step([np.zeros((4, 17))] * 2)
    assert max(radii) > 2


@pytest.mark.parametrize("speed", [np.nan, 1e5])  # broken already, and breaking up on the way
@pytest.mark.parametrize("name", SIX)
def test_a_broken_state_ends_in_a_tie(name, speed):
    """games.md 5: a state that is not finite always ends a match; nobody is paid."""
    env = gymnasium.make(GAMES[name].env_id).unwrapped
    env.reset(seed=0)
    good = env.game.get_state()
    env.data.qvel[6:20] = speed
    with np.errstate(all="raise"):
        _, rewards, terminated, truncated, infos = env.step(
            [np.zeros(size) for size in env.game.ac_dims])
    assert terminated and not truncated and rewards == (0, 0)
    for info in infos:
        assert info["ending"] == "not finite" and "winner" not in info
        assert info["reward_move"] == info["reward_remaining"] == 0
    for again in (lambda: env.game.set_state(good), env.reset):
        again()
        obs, _, terminated, _, _ = env.step([np.zeros(size) for size in env.game.ac_dims])
        assert np.isfinite(obs).all() and not terminated


def test_the_same_seeds_give_the_same_resets():
    one = CompeteVectorEnv("run-to-goal-ants", 2, seed=[8, 3])
    first = np.array(one.reset()[0])
    np.testing.assert_array_equal(first[:, ::-1], one.reset(seed=[3, 8])[0])
    assert not np.array_equal(first, one.reset()[0])


def test_make_hands_its_time_limit_to_the_game():
    """No wrapper cuts a match that the rules should end; the spec makes the same again."""
    made = gymnasium.make("sumo-ants-v0", max_episode_steps=3)
    for env in (made, gymnasium.make(made.spec)):
        obs, _ = env.reset(seed=0)
        assert obs[0][-1] == 3  # steps left
        for _ in range(3):
            _, _, terminated, truncated, infos = env.step([np.zeros(8), np.zeros(8)])
        assert terminated and not truncated and infos[0]["reward_remaining"] == -1000


def test_make_refuses_a_time_limit_that_the_game_does():
    with pytest.raises(ValueError, match="max_episode_steps 10{20}: must be a whole number"):
        gymnasium.make("sumo-ants-v0", max_episode_steps=10**20)


GOOD = ", ".join(SIX)


@pytest.mark.parametrize("game, options, message", [
    ("sumo", {}, f"unknown game 'sumo': must be one of {GOOD}"),
    ("sumo-ants", {"gravity": 1},
     "sumo-ants has no option 'gravity': must be one of max_episode_steps, integrator, "
     "dense_forward, dense_survive, dense_goal_dist, dense_gap, dense_push, "
     "touch_to_win, draw_penalty"),
    ("sumo-ants", {"dense_survive": -1}, "dense_survive -1: must be a number of at least 0"),
    ("sumo-ants", {"dense_survive": "no"}, "dense_survive 'no': must be a number of at least 0"),
    ("kick-and-defend", {"touch_to_win": True},
     "kick-and-defend has no option 'touch_to_win': must be one of max_episode_steps, integrator"),
    ("sumo-ants", {"touch_to_win": "no"}, "touch_to_win 'no': must be one of True, False"),
    ("sumo-ants", {"draw_penalty": 1000}, "draw_penalty 1000: must be one of True, False"),
    ("sumo-ants", {"ring_radius": 2.4}, "ring_radius 2.4: must be a number from 2.5 to 4.5"),
    ("sumo-humans", {"ring_radius": "wide"}, "ring_radius 'wide': must be a number from 1.5"),
    ("sumo-ants", {"integrator": "Heun"}, "integrator 'Heun': must be one of RK4, Euler"),
    ("sumo-ants", {"dense_survive": True}, "dense_survive True: must be a number of at least 0"),
    ("sumo-ants", {"ring_radius": True}, "ring_radius True: must be a number from 2.5 to"),
    *[("sumo-ants", {"max_episode_steps": bad},
       f"max_episode_steps {bad!r}: must be a whole number of at least 1")
      for bad in (0, True, 2.5, float("nan"), float("inf"), None, 10**20)],
    ("sumo-ants", {"dense_survive": 10**400}, "dense_survive 1000"),
    ("sumo-ants", {"num_envs": 0}, "num_envs 0: must be at least 1"),
    ("sumo-ants", {"num_threads": 0}, "num_threads 0: must be at least 1"),
    ("sumo-ants", {"seed": [1, 2]}, "2 seeds for 1 matches"),
    *[("sumo-ants", {"seed": bad}, "seed {!r}: must be a whole number of at least 0".format(
        *(bad if type(bad) is list else [bad])))
      for bad in (1.5, True, -1, "x", [1.7], [None], [-1])],
])
def test_bad_arguments_are_named(game, options, message):
    with pytest.raises(ValueError) as error:
        CompeteVectorEnv(game, **{"num_envs": 1} | options)
    assert str(error.value).startswith(message)


def test_options_go_through_make():
    env = gymnasium.make("sumo-ants-v0", touch_to_win=False, integrator="Euler")
    assert env.unwrapped.game.touch_to_win is False
    with pytest.raises(ValueError, match="no option 'color'"):
        gymnasium.make("sumo-ants-v0", color="red")


def test_a_kick_pays():
    """dense_kick pays the kicker's speed to the ball and the ball's to the goal, nobody else."""
    games = [find_game("kick-and-defend")(2, dense_kick=kick) for kick in (0.0, 2.0)]
    acs = [np.zeros((2, size)) for size in games[0].ac_dims]
    for game in games:
        qpos, qvel = (game.sim.columns[name] for name in ("qpos", "qvel"))
        qpos[:, :3], qpos[:, 7:9] = [[1, 0, 0.3], [1, 5, 0.3]], [[-2, -4], [1, 2]]
        qvel[:, :2] = [[3, 1], [0, -2]]
        for seat in game.seats:
            seat.com_before[:] = seat.com - [[0.03, 0, 0], [0, 0.015, 9]]
        game.refresh()
        game.score(acs)
    # 2 m/s along x, the ball in direction (3, 4), (3, 0) away from the middle of the goal;
    # 1 m/s straight to the ball, which rolls towards the corner of the goal, 3 and 2 m away.
    np.testing.assert_allclose(games[1].parts[0]["reward_kick"],
                               2 * np.array([2 * 0.6 + 3, 1 + 4 / np.sqrt(13)]), rtol=1e-9)
    np.testing.assert_allclose(games[1].reward_move - games[0].reward_move,
                               [games[1].parts[0]["reward_kick"], [0, 0]], atol=1e-9)
    assert "reward_kick" not in games[0].parts[0] and "reward_kick" not in games[1].parts[1]


@pytest.mark.parametrize("name", ["sumo-ants", "sumo-humans"])
def test_a_push_pays(name):
    """dense_push pays a wrestler's speed to the other and the other's outwards."""
    games = [find_game(name)(2, dense_push=push) for push in (0.0, 2.0)]
    acs = [np.zeros((2, size)) for size in games[0].ac_dims]
    for game in games:
        qpos, (me, other) = game.sim.columns["qpos"], game.seats
        for seat, places in ((me, [[0, 0], [-1, 0]]), (other, [[0.3, 0.4], [-1, 2]])):
            qpos[:, seat.qpos_slice][:, :2] = places
        me.com_before[:] = me.com - [[0.03, 0, 0], [0, 0.015, 9]]
        other.com_before[:] = other.com - [[0, 0.03, 0], [0.015, 0, 0]]
        game.refresh()
        game.score(acs)
    # First 2 m/s along x, the other in direction (3, 4) goes along y; then 1 m/s straight to the
    # other, which goes inwards along x and is itself no closer.
    mine, theirs = [2 * 0.6 + 2 * 0.8, 1 - 1 / np.sqrt(5)], [-2 * 0.8, 0]
    for seat, speeds in enumerate((mine, theirs)):
        np.testing.assert_allclose(games[1].parts[seat]["reward_push"], 2 * np.array(speeds),
                                   atol=1e-9)
        np.testing.assert_allclose(games[1].reward_move[seat] - games[0].reward_move[seat],
                                   games[1].parts[seat]["reward_push"], atol=1e-9)
        assert "reward_push" not in games[0].parts[seat]


@pytest.mark.parametrize("name, paying", [
    ("sumo-ants", (0, 1)), ("sumo-humans", (0, 1)), ("you-shall-not-pass", (0,))])
def test_the_gap_costs(name, paying, rng):
    """dense_gap charges wrestlers and the blocker for their distance to the other, nobody else."""
    games = [find_game(name)(20, dense_gap=gap) for gap in (0.0, 2.5)]
    states = rng.uniform(-3, 3, games[0].sim.columns["qpos"].shape)
    acs = [rng.uniform(-1, 1, (20, size)) for size in games[0].ac_dims]
    for game in games:
        game.sim.columns["qpos"][:] = states
        game.refresh()
        game.score(acs)
    (x0, y0), (x1, y1) = (states[:, seat.qpos_slice][:, :2].T for seat in games[0].seats)
    for seat in (0, 1):
        cost = 2.5 * np.sqrt((x0 - x1) ** 2 + (y0 - y1) ** 2) if seat in paying else 0.0
        np.testing.assert_allclose(games[0].reward_move[seat] - games[1].reward_move[seat], cost,
                                   atol=1e-9)
        assert ("reward_gap" in games[1].parts[seat]) == (seat in paying)
        assert "reward_gap" not in games[0].parts[seat]
