"""games.md 1 to 5 and 8 for both sumo games."""

from types import SimpleNamespace

import gymnasium
import mujoco
import numpy as np
import pytest
from made_states import assert_fills, field, forces, many_resets, outcome, scramble, still

from gym_compete.simulation import overlap

GAMES = ("sumo-ants", "sumo-humans")
RADII = {"sumo-ants": (2.5, 4.5), "sumo-humans": (1.5, 3.5)}
FALLEN = {"sumo-ants": 0.5 + 0.3, "sumo-humans": 0.5 + 0.5}
DOWN = {"sumo-ants": 0.28, "sumo-humans": 0.5}
STANDING = {"sumo-ants": 0.28, "sumo-humans": 1.0}


@pytest.mark.parametrize("name", GAMES)
def test_ring(name):
    """games.md 1: a cylinder up to z = 0.5, one of its own size for every match."""
    game = field(name, 3)
    assert len(set(game.radius)) == 3
    for model, radius in zip(game.sim.models, game.radius):
        ring = model.geom("arena")
        assert ring.type == mujoco.mjtGeom.mjGEOM_CYLINDER
        np.testing.assert_array_equal(ring.size[:2], [radius, 0.25])
        np.testing.assert_array_equal(ring.pos, [0, 0, 0.25])
        np.testing.assert_array_equal(ring.friction, [1, 0.1, 0.1])
        assert ring.contype == 1 and ring.conaffinity == -1 and ring.condim == 3
        assert model.geom_rbound[ring.id] >= np.hypot(radius, 0.25)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("version", [None, 0, 1500, 2996, 10_000])
def test_reset(name, version):
    """games.md 2: the curriculum of the radius, and places that follow from the radius."""
    low, high = RADII[name]
    current = high if version is None else min(high, low + 0.1 * np.exp(0.001 * version))
    game, found = many_resets(name, version)
    radius, gap = found["radius"], 0.3 + low / 2
    assert_fills(radius, low, current)
    assert (current == high) == (version in (None, 2996, 10_000))
    for seat, side in zip(game.seats, (-1, 1)):
        x, y, z = found["qpos"][:, seat.qpos_slice][:, :3].T
        assert_fills(side * x, np.full_like(radius, 0.3), radius - gap)
        width = np.sqrt(radius**2 - x**2) - gap
        assert_fills(y, -width, width)
        assert_fills(z, 2.4, 2.6)
    assert not found["touched"].any()


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("version", [None, 0])
def test_ring_radius(name, version):
    """Fixed in every match, whatever the curriculum; places follow from it as from any other."""
    low, high = RADII[name]
    for radius in (low, low + 0.7, high):
        game = field(name, 3, ring_radius=radius)
        for i in range(3):
            game.reset(i, np.random.default_rng(i), version)
        assert game.opened(version) == {"ring_radius_max": radius}
        for model, found in zip(game.sim.models, game.radius):
            assert found == radius == model.geom("arena").size[0]
        for seat in game.seats:
            assert (np.hypot(seat.x, seat.y) < radius - 0.3).all()


@pytest.mark.parametrize("name", GAMES)
def test_dense_reward(name, rng):
    """games.md 4: the humanoid's constants for ants, too; raw actions only for ants."""
    game = field(name, 40)
    acs = scramble(game, rng)
    game.score(acs)
    for seat, ac in zip(game.seats, acs):
        if name == "sumo-humans":
            ac = np.clip(ac, -0.4, 0.4)
        parts = {"reward_center": -np.sqrt(seat.x**2 + seat.y**2),
                 "reward_ctrl": 0.1 * (ac**2).sum(axis=1),
                 "reward_contact": np.minimum(
                     10, 5e-7 * (forces(game, seat.index) ** 2).sum(axis=1)),
                 "reward_survive": np.where(seat.z - 0.5 >= STANDING[name], 5, -5)}
        assert set(game.parts[seat.index]) == set(parts)
        for part, expected in parts.items():
            np.testing.assert_allclose(game.parts[seat.index][part], expected, err_msg=part)
        np.testing.assert_allclose(
            game.reward_move[seat.index], parts["reward_center"] - parts["reward_ctrl"]
            - parts["reward_contact"] + parts["reward_survive"])
        assert parts["reward_contact"].max() == 10
    np.testing.assert_array_equal(game.body_move, game.reward_move)


@pytest.mark.parametrize("name", GAMES)
def test_height_limits(name):
    """games.md 4: heights count from the ring's top."""
    game = field(name, 4)
    top = 0.5
    for seat in game.seats:
        seat.z[:] = (top + STANDING[name] + 1e-9, top + STANDING[name] - 1e-9,
                     top + DOWN[name] + 1e-9, top + DOWN[name] - 1e-9)
    game.score(still(game))
    for seat in range(2):
        stands = game.parts[seat]["reward_survive"] > 0
        np.testing.assert_array_equal(stands, [True, False, name == "sumo-ants", False])
        np.testing.assert_array_equal(game.down[seat], [False, name == "sumo-ants", False, True])


SURVIVES = ((-1000, 1000), (-1000, 0))  # with and without a contact
ENDINGS = [  # fallen, out, steps -> ending, loser (None: both), rewards with and without contact
    ((0, 0), (0, 0), 499, "", None, ((0, 0), (0, 0))),
    ((1, 0), (0, 0), 1, "fell", 0, SURVIVES),
    ((0, 1), (0, 0), 500, "fell", 1, SURVIVES),
    ((0, 0), (1, 0), 1, "out", 0, SURVIVES),
    ((0, 0), (0, 1), 500, "out", 1, SURVIVES),
    ((1, 0), (0, 1), 1, "fell", 0, SURVIVES),  # fallen is judged before out
    ((0, 1), (1, 1), 1, "fell", 1, SURVIVES),
    ((1, 1), (0, 1), 1, "both fell", None, ((-1000, -1000), (-1000, -1000))),
    ((0, 0), (1, 1), 1, "both out", None, ((-1000, -1000), (-1000, -1000))),
    ((0, 0), (0, 0), 500, "time-out", None, ((-1000, -1000), (-1000, -1000))),
]


def stage(name, fallen, out, steps, **options):
    """Two matches: in the first the two have touched, in the second not."""
    game = field(name, 2, **options)
    for seat, low, away in zip(game.seats, fallen, out):
        seat.z[:] = FALLEN[name] + (0 if low else 1e-9)
        seat.x[:], seat.y[:] = 0.6 * game.radius, 0.8 * game.radius - 1e-9
        seat.y[:] += 2e-9 * away
    game.touched[:] = True, False
    game.steps[:] = steps
    game.score(still(game))
    return game


def assert_outcomes(game, ending, loser, rewards):
    for i, ours in enumerate(rewards):
        winner = 1 - loser if loser is not None and max(ours) > 0 else None
        assert outcome(game, i) == (ending, winner, ours[::-1] if loser == 1 else ours)
    assert not game.truncated.any()


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("fallen, out, steps, ending, loser, rewards", ENDINGS)
def test_endings(name, fallen, out, steps, ending, loser, rewards):
    """games.md 5: falls and the ring's edge, at the limit and just beyond it."""
    assert_outcomes(stage(name, fallen, out, steps), ending, loser, rewards)


@pytest.mark.parametrize("fallen, out, steps, ending, loser, rewards", ENDINGS)
def test_touch_to_win_off(fallen, out, steps, ending, loser, rewards):
    """A win needs no contact."""
    game = stage("sumo-ants", fallen, out, steps, touch_to_win=False)
    assert_outcomes(game, ending, loser, (rewards[0], rewards[0]))


@pytest.mark.parametrize("fallen, out, steps, ending, loser, rewards", ENDINGS)
def test_draw_penalty(fallen, out, steps, ending, loser, rewards):
    """games.md 8: -1000 each in every tie."""
    game = stage("sumo-ants", fallen, out, steps, draw_penalty=True)
    without = (-1000, -1000) if ending else (0, 0)
    assert_outcomes(game, ending, loser, (rewards[0], without))


def test_overlap():
    """games.md 5: a contact counts between the two and with dist < 0."""
    sides = np.array([0, 1, 1, 2, 2])

    def data(*contacts):
        return SimpleNamespace(ncon=len(contacts), contact=SimpleNamespace(
            geom=np.array([pair for pair, _ in contacts], np.int32).reshape(-1, 2),
            dist=np.array([dist for _, dist in contacts])))

    assert not overlap(data(), sides)
    assert not overlap(data(((0, 1), -1), ((1, 2), -1), ((3, 4), -1), ((0, 3), -1)), sides)
    assert not overlap(data(((1, 3), 0.0), ((4, 2), 0.001)), sides)
    assert overlap(data(((0, 1), -1), ((2, 3), -1e-6)), sides)
    assert overlap(data(((4, 1), -1e-6)), sides)


@pytest.mark.parametrize("name", GAMES)
def test_a_played_contact_is_remembered(name):
    """games.md 5: at some step of this match; a new match starts without."""
    env = gymnasium.make(f"{name}-v0").unwrapped
    env.reset(seed=0)
    game, (left, right) = env.game, env.game.seats
    actions = [ac[0] for ac in still(game)]
    env.step(actions)
    assert not game.touched[0]
    apart = env.data.qpos[right.qpos_slice][:2].copy()
    env.data.qpos[right.qpos_slice][:2] = env.data.qpos[left.qpos_slice][:2] + 0.1
    env.step(actions)
    assert game.touched[0]
    env.data.qpos[right.qpos_slice][:2] = apart
    env.data.qvel[:] = 0
    env.data.qpos[left.qpos_slice][:2] = -10
    _, _, terminated, truncated, infos = env.step(actions)
    assert terminated and not truncated
    assert infos[1]["winner"] is True and "winner" not in infos[0]
    assert [info["reward_remaining"] for info in infos] == [-1000, 1000]
    env.reset()
    assert not game.touched[0]


@pytest.mark.parametrize("name", GAMES)
def test_the_ring_carries(name):
    """Agents fall onto the ring, not onto the floor half a meter below."""
    env = gymnasium.make(f"{name}-v0").unwrapped
    env.reset(seed=0)
    for _ in range(60):
        env.step([ac[0] for ac in still(env.game)])
    geoms = np.concatenate([seat.geoms for seat in env.game.seats])
    assert env.data.geom_xpos[geoms, 2].min() > 0.5
    assert env.data.qpos[2] < 2


@pytest.mark.parametrize("name", GAMES)
def test_time_limit(name):
    """games.md 5: 500 steps, a rule of the game."""
    env = gymnasium.make(f"{name}-v0", max_episode_steps=2).unwrapped
    env.reset(seed=0)
    ends = [env.step([ac[0] for ac in still(env.game)])[2:4] for _ in range(2)]
    assert ends == [(False, False), (True, False)]
    assert field(name, 1).max_episode_steps == 500
