"""Pictures of matches: frames without a display, and MuJoCo's viewer on a display."""

import numbers
import os
import platform
import shutil
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass

import mujoco
import numpy as np

from gym_compete.forks import call_after_fork

WIDTH, HEIGHT = 640, 480  # default size of a frame [pixels]
REACH = 50.0  # the camera follows a robot no farther than this from the origin [m]
ROOM = (1.2, 0.3)  # margins around robots and around landmarks [m]
PAINTER = os.path.join(os.path.dirname(__file__), "painter.py")

BACKENDS = ("egl", "osmesa")  # on Linux machines without a display, best first
ANY_BACKEND = ("", "1", "on", "true", "enable", "enabled")  # MUJOCO_GL that leaves the choice free


@dataclass(frozen=True)
class Camera:
    """Where a match is seen from.

    azimuth, elevation: of the direction in which the camera looks [degrees], None: the game's own.
    distance: from the middle of what it looks at [m], None: as near as shows all of it.
    landmarks: whether the picture must also show the goal lines or the ring, not just the robots.
    """

    azimuth: float | None = None
    elevation: float | None = None
    distance: float | None = None
    landmarks: bool = True


CAMERAS = {"side": Camera(), "follow": Camera(landmarks=False), "top": Camera(90, -89),
           "front": Camera(0, -15)}


class RenderingError(RuntimeError):
    """This machine cannot draw; the message is one line that names what to install."""


class DisplayError(RenderingError):
    """This machine has no display for a window."""


class Renderer:
    """Draws frames of a game's matches, without a display and without changing the simulation.

    game: a `Game` of any number of matches (`env.game` of both kinds of environment).
    width, height: of a frame [pixels], at most 1920 x 1080. camera: a `Camera`.

    Raises ValueError for a bad size and RenderingError if there is no OpenGL.
    """

    def __init__(self, game, width=WIDTH, height=HEIGHT, camera=CAMERAS["side"]):
        limits = game.sim.models[0].vis.global_
        check_size("width", width, limits.offwidth)
        check_size("height", height, limits.offheight)
        self.width, self.height = width, height
        self._made_of = game, width, height, camera
        self._stage = Stage(game, camera)
        self._painter = Painter(game.sim.models[0], width, height, backends())

    def __reduce__(self):  # a copy starts a process of its own
        return type(self), self._made_of

    def render(self, i=0):
        """Returns a picture of match i, [height, width, 3] uint8."""
        request = self._stage.look(i, self.width / self.height)
        frame = self._painter.ask(request, 3 * self.width * self.height)
        return np.frombuffer(frame, np.uint8).reshape(self.height, self.width, 3).copy()

    def close(self):
        """Ends the process that draws."""
        self._painter.close()


class Viewer:
    """Shows match 0 of a game in MuJoCo's own window, no faster than real time.

    The camera keeps both robots in view until the mouse moves it. Closing the window ends the show,
    not the match; `is_open` is False then. Raises DisplayError if there is no display, and
    RenderingError on a Mac without mjpython.
    """

    def __init__(self, game, camera=CAMERAS["side"]):
        self._dt, self._due = game.dt, 0.0
        self.is_open, self._aspect = True, 16 / 9
        self._stage = Stage(game, camera)
        self._painter = Painter(game.sim.models[0], 0, 0, None)

    def __reduce__(self):
        raise TypeError("a window cannot be copied: open another Viewer on the copied game")

    def show(self):
        """Shows the match once the last step's time is over."""
        self.paint(self._dt)

    def paint(self, seconds, text=""):
        """Shows the match and a text for that long, once the previous picture has had its time.

        Returns the GLFW code of a key that was pressed, 0 for none; one key per call.
        """
        if not self.is_open:
            return 0
        time.sleep(max(0.0, self._due - time.perf_counter()))
        self._due = time.perf_counter() + seconds
        tail = text.encode()
        tail = np.int64(len(tail)).tobytes() + tail
        answer = self._painter.ask(self._stage.look(0, self._aspect), 24, tail)
        is_open, self._aspect, key = np.frombuffer(answer)
        self.is_open = bool(is_open)
        return int(key)

    def close(self):
        """Closes the window."""
        self.is_open = False
        self._painter.close()


class Painter:
    """A running `painter.py`.

    model: what it draws; width, height: of frames, 0 for a window; backends: values of MUJOCO_GL to
    try in turn, None for a window. Raises RenderingError if none can draw.
    """

    def __init__(self, model, width, height, backends):
        self._made_of = model, width, height, backends
        self._start(*self._made_of)
        call_after_fork(self)

    def after_fork(self):
        """In a forked child: leaves the process to the parent; `ask` will start another."""
        if self._end and self._end.detach():
            self._process.stdin.close()  # or the parent could not end the process
            self._process.stdout.close()
            self._process.poll()  # not a child of this process: forgets it
            self._end = None

    def _start(self, model, width, height, backends):
        for name in backends or (None,):
            self._process = start(model, width, height, name)
            self._end = weakref.finalize(self, end, self._process)
            if self._process.stdout.read(1):
                return
            self._end()
        if backends is None:
            raise DisplayError('render_mode "human" needs a display and found none: set DISPLAY, '
                               'or use "rgb_array"')
        raise RenderingError(
            f"no OpenGL to draw with (tried {', '.join(backends)}): install EGL (apt-get install "
            "libegl1 libgl1-mesa-dri) or OSMesa (apt-get install libosmesa6), or unset MUJOCO_GL "
            "if you have set it")

    def ask(self, request, size, tail=b""):
        """Sends an array and further bytes; returns the answer of `size` bytes."""
        if self._end is None:
            self._start(*self._made_of)
        if not self._end.alive:
            raise RuntimeError("closed: nothing can be drawn any more")
        try:
            self._process.stdin.write(request.tobytes() + tail)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # then there is no answer either
        answer = self._process.stdout.read(size)
        if len(answer) < size:
            raise RenderingError("the process that draws has ended unexpectedly")
        return answer

    def close(self):
        """Ends the process."""
        if self._end:
            self._end()


def start(model, width, height, backend):
    """Starts `painter.py` with this value of MUJOCO_GL (None: unset) and sends it the model.

    MuJoCo sets PYOPENGL_PLATFORM to what MUJOCO_GL needs, and stops at another value.
    """
    env = {key: value for key, value in os.environ.items()
           if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    if backend:
        env["MUJOCO_GL"] = backend
    # -P: the modules beside painter.py are not top-level ones.
    process = subprocess.Popen([interpreter(window=not width), "-P", PAINTER, str(width),
                                str(height)], env=env,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL,
                               process_group=0)  # Ctrl-C is for the caller
    binary = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, binary)
    try:
        process.stdin.write(np.int64(len(binary)).tobytes() + binary.tobytes())
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended already: it will not answer
    return process


def interpreter(window):
    """The Python to run `painter.py` with: on a Mac, MuJoCo's window needs its `mjpython`.

    Raises RenderingError if that is neither beside this Python nor on PATH.
    """
    if not window or platform.system() != "Darwin":
        return sys.executable
    beside = os.path.dirname(sys.executable)
    found = shutil.which("mjpython", path=beside) or shutil.which("mjpython")
    if not found:
        raise RenderingError("a window on a Mac needs mjpython, which `pip install mujoco` brings; "
                             f"it is neither in {beside} nor on PATH")
    return found


def end(process):
    """Ends a painter: it stops when its standard input is closed."""
    try:
        process.stdin.close()
    except BrokenPipeError:
        pass
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def backends():
    """The values of MUJOCO_GL to try for frames, best first; only the user's own if it is set."""
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower()
    if wanted not in ANY_BACKEND:
        return (wanted,)
    return BACKENDS if platform.system() == "Linux" else ("on",)


class Stage:
    """A copy of one match's bodies, so drawing cannot disturb the simulation."""

    def __init__(self, game, camera):
        self._game, self._camera = game, camera
        self._data = mujoco.MjData(game.sim.models[0])

    def look(self, i, aspect):
        """Returns the request to draw match i, an array as described in painter.py.

        aspect: width over height of the picture. It will show both robots and, if the camera wants
        them, the game's landmarks.
        """
        game, data, camera = self._game, self._data, self._camera
        model = game.sim.models[i]
        data.qpos[:] = game.sim.datas[i].qpos
        mujoco.mj_kinematics(model, data)
        robots, landmarks = data.xpos[[seat.root for seat in game.seats]], game.landmarks(i)
        landmarks = landmarks if camera.landmarks else landmarks[:0]
        points, room = np.vstack([robots, landmarks]), np.repeat(ROOM, (2, len(landmarks)))
        near = np.abs(points).max(axis=1) <= REACH  # False for NaN, too
        fovy = np.radians(model.vis.global_.fovy)
        if not near.any():  # both are far outside: show the field
            points = game.landmarks(i)
            room, near = np.full(len(points), ROOM[1]), slice(None)
        view = [own if angle is None else angle
                for own, angle in zip(game.view, (camera.azimuth, camera.elevation))]
        lookat, distance = fit(points[near], room[near], *view, fovy, aspect)
        distance = camera.distance or distance
        return np.concatenate([[*view, distance], lookat, model.geom_size.ravel(), data.qpos])


def fit(points, room, azimuth, elevation, fovy, aspect):
    """The nearest place from which a camera of given direction sees all points [K, 3].

    room: margin around each point [K] [m]; azimuth, elevation: of the direction it
    looks in [degrees]; fovy: its vertical field of view [radians]; aspect: width over height.
    The camera moves smoothly with the points.
    Returns what it looks at (3,) and from how far [m], as MuJoCo's free camera has it.
    """
    turn, lift = np.radians([azimuth, elevation])
    forward = np.array([np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift)])
    right = np.array([np.sin(turn), -np.cos(turn), 0.0])
    axes = np.array([right, np.cross(right, forward)])
    depth = points @ forward
    low, high, back = np.zeros(2), np.zeros(2), np.inf
    for axis, slope in enumerate(np.tan(fovy / 2) * np.array([aspect, 1.0])):
        # A point is in view where |across - center| + room <= slope * (depth - camera's depth).
        across = points @ axes[axis]
        low[axis] = (across + room - slope * depth).max()
        high[axis] = (across - room + slope * depth).min()
        back = min(back, (high[axis] - low[axis]) / (2 * slope))
    # At that depth the camera may be anywhere between two bounds: it takes the middle.
    center = (low + high) / 2
    return center @ axes + depth.mean() * forward, depth.mean() - back


def check_size(what, value, limit):
    """ValueError unless value is a whole number of pixels from 1 to limit."""
    if not isinstance(value, numbers.Integral) or not 1 <= value <= limit:
        raise ValueError(f"{what} {value!r}: must be a whole number from 1 to {limit}")
