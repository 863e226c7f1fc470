"""N independent MuJoCo worlds stepped by threads and read into columns."""

import contextlib
import ctypes
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from mujoco import _functions

from gym_compete.forks import call_after_fork

FULL_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
BAD_STATES = slice(mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQACC + 1)
# The arrays that carry a world from step to step; the rest follows from them.
CARRIED = ("ctrl", "qfrc_applied", "xfrc_applied", "qpos", "qvel", "qacc_warmstart")
MAX_VALUE = 1e10  # beyond this MuJoCo itself calls a coordinate bad


class World:
    """An `MjModel` with its `MjData`, and views of their inputs and outputs.

    fields: names of the `MjData` arrays that are read; own_sizes: the model's geoms have sizes of
    their own, which are copied with the state; data: None for a new `MjData`.
    """

    def __init__(self, model, fields, own_sizes, data=None):
        self.model, self.data = model, data or mujoco.MjData(model)
        self.ctrl, self.alarms = self.data.ctrl, self.data.warning.number[BAD_STATES]
        self.arrays = [getattr(self.data, field) for field in fields]
        self._state = [getattr(self.data, name) for name in CARRIED]
        if own_sizes:
            self._state.append(model.geom_size)

    def follow(self, other):
        """Takes over another world's state."""
        for mine, theirs in zip(self._state, other._state):
            mine[...] = theirs
        self.data.time = other.data.time


class Simulation:
    """N worlds; `columns[name]` is an [N, ...] float64 copy of that `MjData` array in each of them.

    models: one `MjModel` per world (several may share one object); they may differ only in
        `geom_size`.
    fields: names of the `MjData` arrays to read after each step.
    frame_skip: simulator steps per environment step.
    num_threads: threads that step worlds side by side (MuJoCo releases the GIL).
    probe: called as probe(i, data) for each world after each step, with an `MjData` that is world
        i's during the call: for what is not an array (contacts).
    data: the `MjData` of a single world, to continue with.

    `datas` holds the worlds' states. Each thread steps its worlds in one model and data of its own,
    which stay in its core's cache; the scratch memory of many worlds would not. Apart from the
    state, the contents of `datas` date from the last `place`, except when there is one world, which
    is stepped in place. A simulation is copied only with its game, whose `Seat`s view its columns.
    """

    def __init__(self, models, fields, frame_skip, num_threads=1, probe=None, data=None):
        stop_clock()
        own = any(model is not models[0] for model in models)
        self.models = models
        self._worlds = [World(model, fields, own, data) for model in models]
        self.datas = [world.data for world in self._worlds]
        self._benches = self._worlds if len(models) == 1 else [
            World(models[0].__copy__() if own else models[0], fields, own)
            for _ in range(num_threads)]
        self.frame_skip, self._probe = frame_skip, probe
        self.columns = {field: np.zeros((len(models), *array.shape))
                        for field, array in zip(fields, self._worlds[0].arrays)}
        # Centers of mass before the last step: rewards are for the distance covered.
        self.com_before = np.zeros_like(self.columns["subtree_com"])
        self.num_threads = num_threads
        self._make_pool()
        call_after_fork(self)

    def _make_pool(self):
        threads = self.num_threads - 1
        self._pool = ThreadPoolExecutor(threads) if threads else None

    after_fork = _make_pool

    def __reduce__(self):
        raise TypeError("a Simulation is copied only with its game: copy that or its environment")

    def step(self, ctrl):
        """Steps every world by one environment step under ctrl [N, nu] and reads the columns."""
        np.copyto(self.com_before, self.columns["subtree_com"])
        worlds = iter(range(len(self.datas)))  # shared: a thread that is ahead takes the next world
        first, *others = self._benches
        running = [self._pool.submit(self._step_worlds, bench, worlds, ctrl) for bench in others]
        self._step_worlds(first, worlds, ctrl)
        for future in running:
            future.result()

    def _step_worlds(self, bench, worlds, ctrl):
        for i in worlds:
            world = self._worlds[i]
            world.ctrl[:] = ctrl[i]
            if bench is not world:
                bench.follow(world)
            mujoco.mj_step(bench.model, bench.data, self.frame_skip)
            # mj_step has left cfrc_ext alone since 2.0.
            mujoco.mj_rnePostConstraint(bench.model, bench.data)
            self._read(i, bench)
            if np.count_nonzero(bench.alarms):
                # MuJoCo has silently reset the world. (Without that, its next steps would take
                # seconds each.)
                self.columns["qpos"][i] = np.nan
                bench.alarms[:] = 0
            if self._probe:
                self._probe(i, bench.data)
            if bench is not world:
                world.follow(bench)

    def _read(self, i, world):
        for column, array in zip(self.columns.values(), world.arrays):
            column[i] = array

    def read(self, i):
        """Copies world i's arrays into the columns."""
        self._read(i, self._worlds[i])

    def write_back(self):
        """Copies the columns into the worlds' arrays, which a restored state lacks."""
        for i, world in enumerate(self._worlds):
            for column, array in zip(self.columns.values(), world.arrays):
                array[...] = column[i]

    def place(self, i, qpos, qvel):
        """Puts world i into a new state at time 0, computes everything from it and reads it."""
        model, data = self.models[i], self.datas[i]
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_normalizeQuat(model, data.qpos)
        mujoco.mj_forward(model, data)
        mujoco.mj_rnePostConstraint(model, data)
        self.read(i)

    def finite(self):
        """Which worlds' states are still finite: [N] bool."""
        good = np.ones(len(self.datas), bool)
        for name in ("qpos", "qvel"):
            # NaN compares false, so it is caught as well.
            good &= (np.abs(self.columns[name]) < MAX_VALUE).all(axis=1)
        return good

    def get_state(self):
        """Returns the worlds' full physics states, [N, size]; without the columns."""
        size = mujoco.mj_stateSize(self.models[0], FULL_STATE)
        state = np.empty((len(self.datas), size))
        for model, data, row in zip(self.models, self.datas, state):
            mujoco.mj_getState(model, data, row, FULL_STATE)
        return state

    def set_state(self, state):
        """Restores what `get_state` returned: the next steps are the same, bit for bit."""
        for model, data, row in zip(self.models, self.datas, state):
            mujoco.mj_setState(model, data, row, FULL_STATE)

    def close(self):
        """Stops the threads."""
        if self._pool:
            self._pool.shutdown()


def stop_clock():
    """Switches MuJoCo's clock off in this process, unless one was set: it takes 3 % of each step.

    `MjData.timer` then stays at zero. (`mujoco.set_mjcb_time(None)` restores the usual clock.)
    Older versions of MuJoCo, such as 3.3.7, always keep their clock.
    """
    if mujoco.get_mjcb_time() is None:
        with contextlib.suppress(OSError, ValueError):  # not found: it keeps running
            library = ctypes.CDLL(_functions.__file__)
            ctypes.c_void_p.in_dll(library, "mjcb_time").value = None


def overlap(data, sides):
    """Whether some geom of side 1 and some geom of side 2 run into each other in an `MjData`.

    sides: [ngeom] int, 1 or 2 for the geoms of the two sides and 0 for all others.
    """
    if not data.ncon:
        return False
    contact = data.contact
    first, second = sides.take(contact.geom).T  # `take` and `count_nonzero`: a third of the time
    return np.count_nonzero((first + second == 3) & (contact.dist < 0)) > 0
