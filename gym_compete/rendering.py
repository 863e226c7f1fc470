"""Pictures of matches, with or without a display."""

import importlib
import os
import pickle
import subprocess
import sys
import time

import mujoco
import numpy as np

MAX_SIZE = (1920, 1080)  # of the off-screen buffer that every scene asks for
MARGIN = np.array([0.7, 0.3, 0.7])  # around the points that a picture must show [m]
ELEVATION = 22  # of the camera [degrees]
NEAREST, FARTHEST = 6.0, 40.0  # of the camera [m]
BACKENDS = ("egl", "osmesa")  # of Linux machines without a display


class Renderer:
    """Draws a game's matches off screen, in a process of its own (`drawing`).

    game: a `Game`; width, height: of the pictures [pixels].
    Raises ValueError for an impossible size, RuntimeError where no OpenGL library works.
    """

    def __init__(self, game, width=640, height=480):
        for name, value, limit in zip(("width", "height"), (width, height), MAX_SIZE):
            if not isinstance(value, int) or not 1 <= value <= limit:
                raise ValueError(f"{name} {value!r}: must be an integer from 1 to {limit}")
        self.game, self._shape = game, (height, width, 3)
        model = game.sim.models[0]
        binary = np.empty(mujoco.mj_sizeModel(model), np.uint8)
        mujoco.mj_saveModel(model, None, binary)
        self._process = start_drawing((binary.tobytes(), width, height))

    def render(self, i=0):
        """Returns match i as it stands, [height, width, 3] uint8."""
        sim = self.game.sim
        camera = aim(self.game.in_view(i), self._shape[1] / self._shape[0])
        pickle.dump((sim.datas[i].qpos, sim.models[i].geom_size, camera), self._process.stdin)
        self._process.stdin.flush()
        pixels = self._process.stdout.read(int(np.prod(self._shape)))
        return np.frombuffer(pixels, np.uint8).reshape(self._shape).copy()

    def close(self):
        """Ends the process that draws."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def start_drawing(first):
    """Starts a drawing process and sends it its first message; RuntimeError if none can draw.

    MUJOCO_GL decides on the library if it is set; otherwise Linux tries EGL, then OSMesa.
    """
    asked = os.environ.get("MUJOCO_GL")
    choices = BACKENDS if not asked and sys.platform.startswith("linux") else (asked,)
    for backend in choices:
        environment = os.environ | ({"MUJOCO_GL": backend} if backend else {})
        process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "drawing.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment)
        try:
            pickle.dump(first, process.stdin)
            process.stdin.flush()
        except BrokenPipeError:
            pass
        if process.stdout.readline() == b"ready\n":
            return process
        process.communicate()
    if asked:
        raise RuntimeError(f"MUJOCO_GL={asked}: cannot draw with it here; unset it to let "
                           "gym_compete choose")
    raise RuntimeError("no OpenGL to draw with: install EGL (apt-get install libegl1 "
                       "libgl1-mesa-dri) or OSMesa (apt-get install libosmesa6)")


class Window:
    """MuJoCo's own viewer on match i, in real time.

    Raises RuntimeError where there is no display.
    """

    def __init__(self, game, i=0):
        if sys.platform.startswith("linux") and not (
                os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise RuntimeError("render_mode 'human' needs a display, and neither DISPLAY nor "
                               "WAYLAND_DISPLAY is set; 'rgb_array' needs none")
        viewer = importlib.import_module("mujoco.viewer")
        self.game, self._i = game, i
        self._viewer = viewer.launch_passive(game.sim.models[i], game.sim.datas[i])
        self._next = time.perf_counter()

    def render(self):
        """Shows the match as it stands; returns when its next step is due."""
        if not self._viewer.is_running():
            return
        with self._viewer.lock():
            for name, value in aim(self.game.in_view(self._i), 16 / 9).items():
                setattr(self._viewer.cam, name, value)
        self._viewer.sync()
        now = time.perf_counter()
        self._next = max(self._next + self.game.dt, now)
        time.sleep(self._next - now)

    def close(self):
        """Closes the window."""
        self._viewer.close()


def aim(points, aspect, fovy=45.0):
    """A camera that has all points in view, from the side and a little above.

    points: [k, 3] metres; aspect: width / height; fovy: vertical field of view [degrees], MuJoCo's
    default. Points that are no numbers, or beyond the floor, are taken for the nearest that are.
    Returns a dict of `MjvCamera` attributes.
    """
    points = np.clip(np.nan_to_num(points, nan=0.0), -20, 20)
    low, high = points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN
    half, slope = (high - low) / 2, np.tan(np.radians(fovy) / 2)
    down, along = np.sin(np.radians(ELEVATION)), np.cos(np.radians(ELEVATION))
    tall = along * half[2] + down * half[1]
    # The nearest points, half the depth before the middle, look the largest.
    distance = along * half[1] + down * half[2] + max(half[0] / aspect, tall) / slope
    return {"lookat": (low + high) / 2, "azimuth": 90.0, "elevation": -float(ELEVATION),
            "distance": float(np.clip(distance, NEAREST, FARTHEST))}
