"""The process that draws: python drawing.py, fed by `rendering.Renderer` through its pipes.

Graphics has a process of its own, because Mesa's and TensorFlow's copies of LLVM crash each other
in one, and a failed try of one OpenGL library rules out the next.
"""

import pickle
import sys

import mujoco
import numpy as np


class Canvas:
    """A picture of a model, drawn off screen by whatever MUJOCO_GL names.

    model: bytes of a compiled `MjModel`; width, height: pixels.
    """

    def __init__(self, model, width, height):
        self.model = mujoco.MjModel.from_binary_path("model", {"model": model})
        self.data = mujoco.MjData(self.model)
        self._gl = mujoco.GLContext(width, height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(self.model, maxgeom=1000)
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)

    def draw(self, qpos, geom_size, camera):
        """Returns [height, width, 3] uint8; camera: attributes of the `MjvCamera` and values."""
        self.data.qpos[:], self.model.geom_size[:] = qpos, geom_size
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        for name, value in camera.items():
            setattr(self._camera, name, value)
        mujoco.mjv_updateScene(self.model, self.data, self._option, None, self._camera,
                               mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._context)
        return self._pixels[::-1]


def main():
    """Makes a canvas from the first message and answers each further one with a picture."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    canvas = Canvas(*pickle.load(requests))
    answers.write(b"ready\n")
    answers.flush()
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        answers.write(canvas.draw(*request).tobytes())
        answers.flush()


if __name__ == "__main__":
    main()
