"""Pictures of matches, with or without a display."""

import atexit
import importlib
import os
import subprocess
import sys
import time
import weakref
from functools import cache

import mujoco
import numpy as np

MAX_SIZE = (1920, 1080)  # of the off-screen buffer that every scene asks for
MARGIN = np.array([0.7, 0.3, 0.7])  # around the points that a picture must show [m]
ELEVATION = 22  # of the camera [degrees]
NEAREST, FARTHEST = 6.0, 40.0  # of the camera [m]
BACKENDS = ("egl", "osmesa")
OPEN = weakref.WeakSet()  # renderers that nobody has closed yet


class Renderer:
    """Draws a game's matches off screen.

    game: a `Game`; width, height: of the pictures [pixels].
    Raises ValueError for an impossible size, RuntimeError where no OpenGL library works.
    """

    def __init__(self, game, width=640, height=480):
        for name, value, limit in zip(("width", "height"), (width, height), MAX_SIZE):
            if not isinstance(value, int) or not 1 <= value <= limit:
                raise ValueError(f"{name} {value!r}: must be an integer from 1 to {limit}")
        self.game = game
        self._gl = open_context(width, height)
        self._gl.make_current()
        model = game.sim.models[0]
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        OPEN.add(self)

    def render(self, i=0):
        """Returns match i as it stands, [height, width, 3] uint8."""
        self._gl.make_current()
        aspect = self._viewport.width / self._viewport.height
        aim(self._camera, self.game.in_view(i), aspect)
        sim = self.game.sim
        mujoco.mjv_updateScene(sim.models[i], sim.datas[i], self._option, None, self._camera,
                               mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._context)
        return self._pixels[::-1].copy()

    def close(self):
        """Frees what the graphics library holds."""
        if self in OPEN:
            OPEN.discard(self)
            self._context.free()
            self._gl.free()


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
        aim(self._viewer.cam, self.game.in_view(self._i), 16 / 9)
        self._viewer.sync()
        now = time.perf_counter()
        self._next = max(self._next + self.game.dt, now)
        time.sleep(self._next - now)

    def close(self):
        """Closes the window."""
        self._viewer.close()


def aim(camera, points, aspect, fovy=45.0):
    """Turns a free camera so that all points are in view, from the side and a little above.

    points: [k, 3] metres; aspect: width / height; fovy: vertical field of view [degrees], MuJoCo's
    default. Points that are no numbers, or beyond the floor, are taken for the nearest that are.
    """
    points = np.clip(np.nan_to_num(points, nan=0.0), -20, 20)
    low, high = points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN
    half, slope = (high - low) / 2, np.tan(np.radians(fovy) / 2)
    down, along = np.sin(np.radians(ELEVATION)), np.cos(np.radians(ELEVATION))
    tall = along * half[2] + down * half[1]
    # The nearest points, half the depth before the middle, look the largest.
    distance = along * half[1] + down * half[2] + max(half[0] / aspect, tall) / slope
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = (low + high) / 2
    camera.azimuth, camera.elevation = 90, -ELEVATION
    camera.distance = np.clip(distance, NEAREST, FARTHEST)


def open_context(width, height):
    """Returns an OpenGL context without a window; RuntimeError, with what to install, if none.

    MUJOCO_GL decides if it is set; otherwise Linux tries EGL, then OSMesa.
    """
    backend = os.environ.get("MUJOCO_GL", "").lower()
    if not backend and not sys.platform.startswith("linux"):
        return mujoco.GLContext(width, height)
    if not backend:
        backend = next(filter(works, BACKENDS), None)
    elif not works(backend):
        raise RuntimeError(f"MUJOCO_GL={backend}: cannot draw with it here; unset it to let "
                           "gym_compete choose")
    if backend is None:
        raise RuntimeError("no OpenGL to draw with: install EGL (apt-get install libegl1 "
                           "libgl1-mesa-dri) or OSMesa (apt-get install libosmesa6)")
    context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
    _close_at_exit()
    return context


@cache
def _close_at_exit():
    """Has all renderers closed before the graphics library ends itself, which it registered first.
    """
    atexit.register(lambda: [renderer.close() for renderer in list(OPEN)])


@cache
def works(backend):
    """Whether a backend opens a context, tried in a process of its own.

    One that fails leaves PyOpenGL bound to it, so that no other could be tried afterwards.
    """
    probe = f"from mujoco.{backend} import GLContext; GLContext(8, 8).make_current()"
    return subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 0
