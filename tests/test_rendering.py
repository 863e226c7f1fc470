"""Pictures: what must be seen is seen, and drawing changes nothing."""

import gymnasium
import numpy as np
import pytest

from gym_compete import GAMES, CompeteVectorEnv, rendering
from gym_compete.rendering import Renderer, aim

SIX = tuple(GAMES)[:6]


@pytest.fixture(scope="module", autouse=True)
def graphics():
    """Skips where there is no OpenGL at all."""
    try:
        Renderer(GAMES["run-to-goal-ants"]()).close()
    except RuntimeError as error:
        pytest.skip(str(error))


def make(name, **options):
    """A match with a small picture."""
    return gymnasium.make(GAMES[name].env_id, render_mode="rgb_array", width=160, height=120,
                          **options)


def count(picture, colour):
    """How many pixels are clearly red (0), green (1) or blue (2), the ring's violet apart."""
    channels = np.moveaxis(picture.astype(int), 2, 0)
    others = np.delete(channels, colour, axis=0).max(axis=0)
    return int((channels[colour] > others + 60).sum())


@pytest.mark.parametrize("name", SIX)
def test_both_agents_are_seen(name):
    """A frame of the asked size shows a red and a blue robot."""
    env = make(name)
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (120, 160, 3) and picture.dtype == np.uint8
    assert picture.std() > 10
    assert count(picture, 0) > 8 and count(picture, 2) > 8
    assert env.metadata["render_fps"] == round(1 / env.unwrapped.game.dt)
    env.close()


@pytest.mark.parametrize("places", [((-4, 0), (4, 0)), ((0, -6), (1, 6)), ((-9, 3), (12, -4))])
def test_agents_far_apart_stay_in_view(places):
    """Wherever the two are, both are in the picture."""
    env = make("run-to-goal-ants")
    env.reset(seed=0)
    game = env.unwrapped.game
    qpos = env.unwrapped.data.qpos.copy()
    for seat, place in zip(game.seats, places):
        qpos[seat.qpos_slice][:2] = place
    game.sim.place(0, qpos, 0 * env.unwrapped.data.qvel)
    picture = env.render()
    assert count(picture, 0) > 3 and count(picture, 2) > 3
    env.close()


def test_the_camera_has_all_points():
    """Points project inside the picture, for broad and for tall ones; NaN does no harm."""
    rng = np.random.default_rng(0)
    for aspect in (0.5, 1.0, 16 / 9):
        for _ in range(50):
            points = rng.uniform(-1, 1, (4, 3)) * rng.uniform(0.1, 8, 3) + [0, 0, 1]
            camera = aim(points, aspect)
            angle = np.radians(-camera["elevation"])
            forward = np.array([0, np.cos(angle), -np.sin(angle)])  # azimuth 90 looks along +y
            up = np.array([0, np.sin(angle), np.cos(angle)])
            rays = points - camera["lookat"] + camera["distance"] * forward
            depth = rays @ forward
            assert (depth > 0).all()
            slope = np.tan(np.radians(45 / 2))
            assert (np.abs(rays @ up) <= depth * slope).all()
            assert (np.abs(rays[:, 0]) <= depth * slope * aspect).all()
    camera = aim(np.full((2, 3), np.nan), 1.0)
    assert np.isfinite([*camera["lookat"], camera["distance"]]).all()


def test_the_ring_has_its_size():
    """The same renderer shows rings of different matches at their own radius."""
    game = GAMES["sumo-ants"](8)
    for i in range(8):
        game.reset(i, np.random.default_rng(i))
    renderer = Renderer(game, 160, 120)
    small, large = int(game.radius.argmin()), int(game.radius.argmax())
    game.in_view = lambda i: np.array([[-5, -5, 0], [5, 5, 1]])  # one camera for both
    areas = []
    for i in (small, large):
        r, g, b = np.moveaxis(renderer.render(i).astype(int), 2, 0)
        areas.append(((b > g + 20) & (b > r + 20)).sum())
    expected = (game.radius[large] / game.radius[small]) ** 2
    assert areas[1] / areas[0] == pytest.approx(expected, rel=0.15) and expected > 1.3
    renderer.close()
    game.sim.close()


def test_drawing_changes_nothing():
    """The same match, bit for bit, with a picture after each step and without."""
    ends = []
    for mode in (None, "rgb_array"):
        env = gymnasium.make("kick-and-defend-v0", render_mode=mode)
        env.reset(seed=3)
        env.action_space.seed(3)
        for _ in range(12):
            obs, rewards, *_ = env.step(env.action_space.sample())
            if mode:
                env.render()
        ends.append((np.concatenate(obs).tobytes(), rewards, env.unwrapped.data.qpos.tobytes()))
        env.close()
    assert ends[0] == ends[1]


def test_a_vector_shows_any_match():
    """Match i's picture is that of a single match of its seed; none without being asked."""
    vector = CompeteVectorEnv("run-to-goal-ants", 3, seed=5)
    vector.reset()
    single = gymnasium.make("run-to-goal-ants-v0", render_mode="rgb_array")
    single.reset(seed=7)
    np.testing.assert_array_equal(vector.render(2), single.render())
    assert (vector.render(0) != vector.render(2)).any()
    vector.close()
    single.close()
    silent = gymnasium.make("run-to-goal-ants-v0").unwrapped
    assert silent.render() is None


@pytest.mark.parametrize("options,told", [
    ({"width": 0}, "width 0: must be an integer from 1 to 1920"),
    ({"height": 4000}, "height 4000: must be an integer from 1 to 1080"),
    ({"width": 9.5}, "width 9.5"),
    ({"render_mode": "ascii"}, "render_mode 'ascii': must be one of None, 'human', 'rgb_array'")])
def test_bad_values(options, told):
    """One line names the value and what is allowed."""
    from gym_compete import CompeteEnv
    with pytest.raises(ValueError, match=told) as error:
        CompeteEnv("sumo-ants", **{"render_mode": "rgb_array", **options})
    assert "\n" not in str(error.value)


def test_nothing_to_draw_with(monkeypatch):
    """Where no library works, or not the one that MUJOCO_GL asks for, one line says what to do."""
    game = GAMES["run-to-goal-ants"]()
    monkeypatch.setattr(rendering.sys, "platform", "linux")
    monkeypatch.setattr(rendering, "BACKENDS", ("none", "nothing"))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(RuntimeError, match="libegl1.*libosmesa6"):
        Renderer(game)
    monkeypatch.setenv("MUJOCO_GL", "magic")
    with pytest.raises(RuntimeError, match="MUJOCO_GL=magic"):
        Renderer(game)


def test_the_next_library_is_tried(monkeypatch):
    """One that fails does not rule out the next."""
    monkeypatch.setattr(rendering, "BACKENDS", ("none", *rendering.BACKENDS))
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    renderer = Renderer(GAMES["run-to-goal-ants"](), 32, 24)
    assert renderer.render().shape == (24, 32, 3)
    renderer.close()


def test_no_display(monkeypatch):
    """A window without a display is refused, and the other mode is named."""
    monkeypatch.setattr(rendering.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="needs a display.*'rgb_array' needs none"):
        gymnasium.make("sumo-ants-v0", render_mode="human")
