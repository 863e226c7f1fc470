"""The program that draws. `rendering.py` runs it as a process of its own, connected by pipes.

Mesa's software renderer and TensorFlow each bring an LLVM, and a process that loads both crashes.
It also keeps an OpenGL backend that does not work from taking anything else down.

    python painter.py WIDTH HEIGHT    frames of that many pixels
    python painter.py 0 0             MuJoCo's window

Standard input: the number of bytes (int64) and the bytes of a binary MuJoCo model, then requests.
A request is an array of float64: the camera's azimuth, elevation, distance and lookat (6 numbers),
`geom_size` and `qpos`; for the window, followed by the number of bytes (int64) and the bytes of a
text to lay over it. Standard output: one byte when all is ready, then one answer per request: a
frame's [HEIGHT, WIDTH, 3] bytes, or for the window three float64: whether it is still open, its
width over height, and the GLFW code of the next key that was pressed, 0 for none.
"""

import os
import sys
import warnings
from collections import deque
from contextlib import nullcontext

import mujoco
import numpy as np

POSE = 6  # numbers that place the camera
MAX_GEOMS = 1000  # in a picture; the six scenes have about 50


class Canvas:
    """Draws frames without a window."""

    lock = nullcontext
    takes_text = False

    def __init__(self, model, data, width, height):
        self._model, self._data = model, data
        self._scene = mujoco.MjvScene(model, MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_HAZE] = True
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._area = mujoco.MjrRect(0, 0, width, height)
        self._frame = np.zeros((height, width, 3), np.uint8)
        # OSMesa allocates its picture here; MuJoCo renders into a buffer of the model's own size.
        self._gl = mujoco.GLContext(model.vis.global_.offwidth, model.vis.global_.offheight)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self.draw(np.ones(POSE))  # what cannot work fails here

    def draw(self, pose):
        """Returns the frame's bytes, the top row first."""
        place(self._camera, pose)
        # Camera first: MuJoCo lays the endless floor around the scene camera's last position.
        mujoco.mjv_updateCamera(self._model, self._data, self._camera, self._scene)
        mujoco.mjv_updateScene(self._model, self._data, self._option, None, self._camera,
                               mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._area, self._scene, self._context)
        mujoco.mjr_readPixels(self._frame, None, self._area, self._context)
        return self._frame[::-1].tobytes()  # OpenGL counts rows from below


class Window:
    """MuJoCo's own viewer. Requests move the camera until the mouse does."""

    takes_text = True

    def __init__(self, model, data):
        import glfw
        from mujoco import viewer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not glfw.init():  # without a display the viewer would wait forever
                raise SystemExit("no display")
        self._keys = deque()
        self._viewer = viewer.launch_passive(model, data, key_callback=self._keys.append,
                                             show_left_ui=False, show_right_ui=False)
        self.lock, self._camera = self._viewer.lock, self._viewer.cam
        self._aimed = pose_of(self._camera)

    def draw(self, pose, text=""):
        """Shows the scene under a text; returns (open, width over height, key) as bytes."""
        area = self._viewer.viewport if self._viewer.is_running() else None
        if area and pose_of(self._camera) == self._aimed:
            place(self._camera, pose)
            self._aimed = pose_of(self._camera)
        if text:
            self._viewer.set_texts((None, None, text, None))
        self._viewer.sync()
        shape = area.width / area.height if area and area.height else 1.0
        key = self._keys.popleft() if self._keys else 0
        return np.array([self._viewer.is_running(), shape, key]).tobytes()


def place(camera, pose):
    """Points an `MjvCamera`."""
    camera.azimuth, camera.elevation, camera.distance = pose[:3]
    camera.lookat = pose[3:]


def pose_of(camera):
    """Where an `MjvCamera` points: what `place` takes."""
    return (camera.azimuth, camera.elevation, camera.distance, *camera.lookat)


def read_text(source):
    """The text that follows a request for the window."""
    return source.read(int(np.frombuffer(source.read(8), np.int64)[0])).decode()


def main():
    """Reads the model, then draws until standard input ends."""
    width, height = map(int, sys.argv[1:])
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # drivers' output must not mix with the pictures
    length = int(np.frombuffer(source.read(8), np.int64)[0])
    model = mujoco.MjModel.from_binary_path("game.mjb", {"game.mjb": source.read(length)})
    data = mujoco.MjData(model)
    easel = Canvas(model, data, width, height) if width else Window(model, data)
    answer, request_size = b"!", 8 * (POSE + model.geom_size.size + model.nq)
    while True:
        answers.write(answer)
        answers.flush()
        request = source.read(request_size)
        if len(request) < request_size:
            break
        pose, sizes, qpos = np.split(np.frombuffer(request), np.cumsum([POSE, 3 * model.ngeom]))
        with easel.lock():
            model.geom_size[:], data.qpos[:] = sizes.reshape(-1, 3), qpos
            mujoco.mj_kinematics(model, data)
            mujoco.mj_camlight(model, data)
        answer = easel.draw(pose, read_text(source)) if easel.takes_text else easel.draw(pose)
    os._exit(0)  # at once: threads and libraries of OpenGL do not end well with Python's


if __name__ == "__main__":
    main()
