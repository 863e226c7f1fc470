"""Frames and the viewer: what is to be seen, and that nobody in the match notices."""

import io
import os
import subprocess
import sys
from contextlib import closing, nullcontext

import glfw
import gymnasium
import mujoco
import numpy as np
import pytest
from fake_painter import FakePainter
from made_states import SIX, field, still

from gym_compete import CompeteVectorEnv, Renderer, RenderingError, painter, rendering

SIZE = {"width": 160, "height": 120}  # small, since software draws


@pytest.fixture(scope="module")
def opengl():
    """Skips where nothing can be drawn."""
    try:
        picture(field("run-to-goal-ants", 1))
    except RenderingError as error:
        pytest.skip(str(error))


def red(frame):
    """Where a frame shows agent0, [height, width] bool."""
    r, g, b = np.moveaxis(frame.astype(float), 2, 0)
    return (r > 60) & (r > 1.6 * g) & (r > 1.6 * b)


def blue(frame):
    """Where a frame shows agent1, [height, width] bool."""
    r, g, b = np.moveaxis(frame.astype(float), 2, 0)
    return (b > 60) & (b > 1.5 * r) & (b > 1.5 * g)


def tan(frame):
    """Where a frame shows the ring, [height, width] bool."""
    r, g, b = np.moveaxis(frame.astype(float), 2, 0)
    return (r > 1.1 * g) & (g > 1.2 * b) & (r < 1.6 * g)


def picture(game, i=0, **size):
    """One frame of match i."""
    with closing(Renderer(game, **(SIZE | size))) as renderer:
        return renderer.render(i)


@pytest.mark.parametrize("name", SIX)
def test_frame_shows_both_agents(opengl, name):
    frame = picture(field(name, 1))
    assert frame.shape == (120, 160, 3) and frame.dtype == np.uint8
    assert red(frame).sum() > 20 and blue(frame).sum() > 20
    assert frame.std(axis=(0, 1)).min() > 10
    assert frame[:10, :, 2].mean() > frame[:10, :, 0].mean()  # the sky is above, or ground


@pytest.mark.parametrize("name", ("run-to-goal-ants", "you-shall-not-pass"))
def test_goal_lines_are_in_view(opengl, name):
    frame = picture(field(name, 1), width=320, height=240).astype(float)
    yellow = (frame[:, :, 0] > 1.5 * frame[:, :, 2]) & (frame[:, :, 1] > 1.2 * frame[:, :, 2])
    assert yellow[:, :80].sum() > 20 and yellow[:, -80:].sum() > 20


def test_ball_and_goal_are_in_view(opengl):
    game = field("kick-and-defend", 1)
    frame = picture(game)
    for thing in ("ball", "goal"):
        game.sim.models[0].geom(thing).rgba = [0, 0, 0, 0]
        without = picture(game)
        assert (frame != without).any(axis=2).sum() > 10, thing
        frame = without


PLACES = (((-12, 0, 1), (12, 0, 1)), ((0, -12, 1), (0, 12, 1)), ((-1, 0, 10), (1, 0, 1)),
          ((-1, 0, 1), (14, 9, 6)))


def test_agents_far_apart_stay_in_view(opengl):
    game = field("run-to-goal-ants", 1)
    with closing(Renderer(game, 480, 270)) as renderer:
        for places in PLACES:
            for seat, place in zip(game.seats, places):
                game.sim.datas[0].qpos[seat.qpos_slice][:3] = place
            frame = renderer.render()
            assert red(frame).any() and blue(frame).any(), places


def test_a_robot_thrown_out_of_the_world(opengl):
    game = field("sumo-ants", 1)
    with closing(Renderer(game, **SIZE)) as renderer:
        for place in (np.nan, np.inf, 1e12):
            game.sim.datas[0].qpos[game.seats[0].qpos_slice][:3] = place
            assert blue(renderer.render()).any() and not red(renderer.render()).any()


@pytest.mark.parametrize("aspect", (0.5, 1.0, 16 / 9))
def test_camera_fits_all_points_and_no_more(rng, aspect):
    for _ in range(20):
        points, room = rng.normal(0, 5, (6, 3)), rng.uniform(0, 1, 6)
        azimuth, elevation, fovy = rng.uniform(-180, 180), rng.uniform(-60, 20), 0.7
        lookat, distance = rendering.fit(points, room, azimuth, elevation, fovy, aspect)
        turn, lift = np.radians([azimuth, elevation])
        ahead = np.array([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.sin(lift)])
        right = np.array([np.sin(turn), -np.cos(turn), 0])
        seen = points - (lookat - distance * ahead)
        spare = []
        for axis, slope in ((right, aspect * np.tan(fovy / 2)),
                            (np.cross(right, ahead), np.tan(fovy / 2))):
            spare.append(slope * (seen @ ahead) - np.abs(seen @ axis) - room)
        assert np.min(spare) == pytest.approx(0, abs=1e-9)


def test_ring_is_drawn_at_its_size(opengl):
    env = CompeteVectorEnv("sumo-ants", 2, seed=0)
    env.reset()
    frames = {}
    for i, radius in enumerate((2.6, 4.4)):
        env.game.sim.datas[i].qpos[:] = env.game.sim.datas[0].qpos
        env.game.radius[i] = env.game.sim.models[i].geom("arena").size[0] = radius
    with closing(Renderer(env.game, **SIZE)) as renderer:
        for i in range(2):
            frame = frames[i] = renderer.render(i)
            ring = tan(frame)
            assert ring.sum() > 1000
            # All of the ring is in view: none of it at the edges.
            assert not (ring[0].any() or ring[-1].any() or ring[:, 0].any() or ring[:, -1].any())
        assert (renderer.render(0) == frames[0]).all()
    share = [tan(frames[i]).sum() / (red(frames[i]) | blue(frames[i])).sum() for i in range(2)]
    assert share[1] > 2 * share[0]


@pytest.mark.parametrize("name", ("sumo-humans", "kick-and-defend"))
def test_simulation_does_not_notice(opengl, name, rng):
    watched, other = field(name, 2), field(name, 2)
    with closing(Renderer(watched, **SIZE)) as renderer:
        for step in range(6):
            acs = [rng.uniform(-1, 1, (2, size)) for size in watched.ac_dims]
            renderer.render(step % 2)
            for game in (watched, other):
                game.step(acs)
    states = watched.get_state(), other.get_state()
    for key, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][key], err_msg=key)


def test_gymnasium_face(opengl):
    env = gymnasium.make("run-to-goal-ants-v0", render_mode="rgb_array", **SIZE)
    assert env.metadata["render_fps"] == 20
    env.reset(seed=0)
    before = env.render()
    for _ in range(10):
        env.step(env.action_space.sample())
    assert before.shape == (120, 160, 3) and (env.render() != before).any()
    env.close()
    default = gymnasium.make("sumo-ants-v0", render_mode="rgb_array")
    default.reset(seed=0)
    assert default.render().shape == (480, 640, 3) and default.metadata["render_fps"] == 67
    default.close()


@pytest.mark.parametrize("bad, culprit", [
    ({"width": 0}, "width 0: must be a whole number from 1 to 1920"),
    ({"width": 1921}, "width 1921: must be"), ({"height": -3}, "height -3: must be"),
    ({"height": 1081}, "height 1081: must be a whole number from 1 to 1080"),
    ({"width": 64.0}, "width 64.0: must be")])
def test_bad_sizes(bad, culprit):
    with pytest.raises(ValueError, match=culprit):
        gymnasium.make("run-to-goal-ants-v0", render_mode="rgb_array", **bad)


def test_bad_modes():
    from gym_compete import CompeteEnv
    with pytest.raises(ValueError, match="'ansi': must be one of human, rgb_array, None"):
        CompeteEnv("run-to-goal-ants", render_mode="ansi")
    env = CompeteEnv("run-to-goal-ants")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode None draws nothing"):
        assert env.render() is None


def test_largest_frame_and_closed_renderer(opengl):
    renderer = Renderer(field("run-to-goal-ants", 1), 1920, 1080)
    assert red(renderer.render()).sum() > 1000
    renderer.close()
    renderer.close()
    with pytest.raises(RuntimeError, match="closed"):
        renderer.render()


# Backends


@pytest.mark.parametrize("value", ("none-such", "disabled"))
def test_nothing_to_draw_with(monkeypatch, value):
    monkeypatch.setenv("MUJOCO_GL", value)
    with pytest.raises(RenderingError, match=f"tried {value}.*apt-get install libegl1") as caught:
        gymnasium.make("run-to-goal-ants-v0", render_mode="rgb_array")
    assert "\n" not in str(caught.value) and "libosmesa6" in str(caught.value)


def test_next_backend_where_one_fails(opengl, monkeypatch):
    works = rendering.backends()
    monkeypatch.setattr(rendering, "backends", lambda: ("none-such", *works))
    assert picture(field("run-to-goal-ants", 1)).std() > 10


def test_mujoco_gl_is_respected(monkeypatch):
    monkeypatch.setattr(rendering.platform, "system", lambda: "Linux")
    for value, tried in (("osmesa", ("osmesa",)), (" EGL ", ("egl",)), ("", ("egl", "osmesa"))):
        monkeypatch.setenv("MUJOCO_GL", value)
        assert rendering.backends() == tried
    monkeypatch.delenv("MUJOCO_GL")
    assert rendering.backends() == ("egl", "osmesa")


@pytest.mark.parametrize("value", ("none-such", "osmesa"))
def test_games_do_without_opengl(value):
    """What MUJOCO_GL names need not work as long as nothing is drawn; the variable stays."""
    script = """if True:
        import os, gym_compete
        env = gym_compete.CompeteEnv("run-to-goal-ants")
        env.reset(seed=0)
        env.step(env.action_space.sample())
        print(os.environ["MUJOCO_GL"])
    """
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "MUJOCO_GL": value},
                          capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{value}\n", "")


SCRIPT = """
import gymnasium, gym_compete
env = gymnasium.make("run-to-goal-ants-v0", render_mode="rgb_array")
env.reset(seed=0)
print(env.render().shape)
"""


def test_plain_script_without_display(opengl):
    """No variable set, no display, nothing closed: a frame and not a word of complaint."""
    unset = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    env = {key: value for key, value in os.environ.items() if key not in unset}
    root = os.path.dirname(os.path.dirname(rendering.__file__))
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, cwd=root, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "(480, 640, 3)\n"
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_drawing_process_that_dies(opengl):
    with closing(Renderer(field("run-to-goal-ants", 1), **SIZE)) as renderer:
        renderer._painter._process.kill()
        with pytest.raises(RenderingError, match="ended unexpectedly"):
            renderer.render()


# The viewer


@pytest.fixture
def window(monkeypatch):
    """A running "human" environment and what its window is asked to show."""
    monkeypatch.setattr(rendering, "Painter", FakePainter)
    env = gymnasium.make("run-to-goal-ants-v0", render_mode="human").unwrapped
    env.reset(seed=0)
    yield env, env._viewer._painter
    env.close()
    assert env._viewer._painter.open is None


def test_viewer_shows_every_step_in_real_time(window, monkeypatch):
    env, shown = window
    slept = []
    monkeypatch.setattr(rendering.time, "sleep", slept.append)
    for _ in range(3):
        env.step([ac[0] for ac in still(env.game)])
        np.testing.assert_array_equal(shown.requests[-1][-env.model.nq:], env.data.qpos)
    assert len(shown.requests) == 4
    assert all(0 < wait <= 0.05 for wait in slept)


def test_closed_window_does_not_end_the_match(window):
    env, shown = window
    shown.open = 0.0
    for _ in range(3):
        env.step([ac[0] for ac in still(env.game)])
    assert len(shown.requests) == 2  # the reset, and the step that learned of it


def test_no_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform != "linux":
        pytest.skip("only Linux machines are without a display")
    env = gymnasium.make("sumo-ants-v0", render_mode="human")
    with pytest.raises(RenderingError, match='"human" needs a display.*"rgb_array"'):
        env.reset(seed=0)


def test_a_window_on_a_mac_is_mjpythons(tmp_path, monkeypatch):
    """Beside this Python, or else on PATH; frames, and other machines, do without."""
    here, path = tmp_path / "bin", tmp_path / "path"
    for folder in (here, path):
        folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    monkeypatch.setenv("PATH", str(path))
    assert rendering.interpreter(window=True) == sys.executable
    monkeypatch.setattr(rendering.platform, "system", lambda: "Darwin")
    assert rendering.interpreter(window=False) == sys.executable
    with pytest.raises(RenderingError, match=f"needs mjpython.* neither in {here} nor on PATH"):
        rendering.interpreter(window=True)
    for folder in (path, here):
        (folder / "mjpython").touch(mode=0o755)
        assert rendering.interpreter(window=True) == str(folder / "mjpython")


class FakeViewer:
    """Stands for what MuJoCo's `launch_passive` returns."""

    lock = nullcontext

    def __init__(self, *_, key_callback, **__):
        self.cam, self.viewport, self.running = mujoco.MjvCamera(), None, True
        self.press, self.texts = key_callback, []

    def set_texts(self, text):
        self.texts.append(text[2])

    def is_running(self):
        return self.running

    def sync(self):
        pass


def test_viewers_camera_follows_until_the_mouse_moves_it(monkeypatch):
    from mujoco import viewer
    monkeypatch.setattr(glfw, "init", lambda: True)
    monkeypatch.setattr(viewer, "launch_passive", FakeViewer)
    window = painter.Window(None, None)
    fake = window._viewer
    fake.viewport = mujoco.MjrRect(0, 0, 300, 200)
    for pose in ((90, -15, 8, 0, 0, 1), (90, -15, 9, 1, 0, 1)):
        assert tuple(np.frombuffer(window.draw(pose))) == (1, 1.5, 0)
        assert painter.pose_of(fake.cam) == pose
    fake.cam.azimuth = 12.0
    window.draw((90, -15, 10, 0, 0, 1))
    assert painter.pose_of(fake.cam) == (12, -15, 9, 1, 0, 1)
    fake.running = False
    assert np.frombuffer(window.draw((90, -15, 10, 0, 0, 1)))[0] == 0


def test_window_lays_text_over_and_tells_keys_one_by_one(monkeypatch):
    from mujoco import viewer
    monkeypatch.setattr(glfw, "init", lambda: True)
    monkeypatch.setattr(viewer, "launch_passive", FakeViewer)
    window = painter.Window(None, None)
    for key in (32, 257):
        window._viewer.press(key)
    pose = (90, -15, 8, 0, 0, 1)
    answers = [np.frombuffer(window.draw(pose, f"score {i}")) for i in range(3)]
    assert [answer[2] for answer in answers] == [32, 257, 0]
    assert window._viewer.texts == ["score 0", "score 1", "score 2"]


def test_viewer_sends_text_and_returns_keys(monkeypatch):
    tails = []

    class Keyed(FakePainter):
        def ask(self, request, size, tail=b""):
            tails.append(tail)
            return np.array([1.0, 2.0, 45.0]).tobytes()

    monkeypatch.setattr(rendering, "Painter", Keyed)
    viewer = rendering.Viewer(field("sumo-ants", 1))
    assert viewer.paint(0.0, "eins") == 45 and viewer.is_open
    stream = io.BytesIO(tails[0])
    assert painter.read_text(stream) == "eins" and not stream.read()
