"""N independent MuJoCo worlds stepped by threads and read into columns."""

from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

FULL_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
BAD_STATES = slice(mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQACC + 1)
MAX_VALUE = 1e10  # beyond this MuJoCo itself calls a coordinate bad


class Simulation:
    """N worlds; `columns[name]` is an [N, ...] float64 copy of that `MjData` array in each of them.

    models: one `MjModel` a world (the same object may stand for several).
    fields: names of the `MjData` arrays to read after each step.
    frame_skip: simulator steps in one environment step.
    num_threads: threads that step worlds side by side (MuJoCo releases the GIL).
    probe: called as probe(i) for each world after each step, for what is no array (contacts).
    """

    def __init__(self, models, fields, frame_skip, num_threads=1, probe=None):
        self.models = models
        self.datas = [mujoco.MjData(model) for model in models]
        self.frame_skip, self.num_threads, self._probe = frame_skip, num_threads, probe
        # Counts of MuJoCo's warnings that a state is not finite: views, cleared by mj_resetData.
        self._alarms = [data.warning.number[BAD_STATES] for data in self.datas]
        shapes = {field: getattr(self.datas[0], field).shape for field in fields}
        self.columns = {field: np.zeros((len(models), *shapes[field])) for field in fields}
        # Where the centres of mass stood before the last step: rewards are for the way made.
        self.com_before = np.zeros((len(models), *self.datas[0].subtree_com.shape))
        self._reads = [[(column[i], getattr(data, field)) for field, column in self.columns.items()]
                       for i, data in enumerate(self.datas)]
        self._ctrls = [data.ctrl for data in self.datas]
        self._pool = ThreadPoolExecutor(num_threads - 1) if num_threads > 1 else None

    def step(self, ctrl):
        """Steps every world by one environment step under ctrl [N, nu] and reads the columns."""
        np.copyto(self.com_before, self.columns["subtree_com"])
        worlds = iter(range(len(self.datas)))  # shared: a thread that is ahead takes the next world
        others = [self._pool.submit(self._step_worlds, worlds, ctrl)
                  for _ in range(self.num_threads - 1)]
        self._step_worlds(worlds, ctrl)
        for other in others:
            other.result()

    def _step_worlds(self, worlds, ctrl):
        for i in worlds:
            model, data = self.models[i], self.datas[i]
            self._ctrls[i][:] = ctrl[i]
            mujoco.mj_step(model, data, self.frame_skip)
            mujoco.mj_rnePostConstraint(model, data)  # mj_step leaves cfrc_ext alone since 2.0
            self.read(i)
            if np.count_nonzero(self._alarms[i]):
                # MuJoCo has silently started the world anew. (Without that, its steps would go on
                # at seconds each.)
                self.columns["qpos"][i] = np.nan
            if self._probe:
                self._probe(i)

    def read(self, i):
        """Copies world i's arrays into the columns."""
        for column, array in self._reads[i]:
            column[...] = array

    def write_back(self):
        """Copies the columns into the worlds' arrays, which a restored state lacks."""
        for reads in self._reads:
            for column, array in reads:
                array[...] = column

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
        """Which worlds' states are still numbers: [N] bool."""
        good = np.ones(len(self.datas), bool)
        for name in ("qpos", "qvel"):
            # A NaN compares false, so it is caught as well.
            good &= (np.abs(self.columns[name]) < MAX_VALUE).all(axis=1)
        return good

    def get_state(self):
        """Returns the worlds' full physics states, [N, size]; the columns are not part of them."""
        size = mujoco.mj_stateSize(self.models[0], FULL_STATE)
        state = np.empty((len(self.datas), size))
        for model, data, row in zip(self.models, self.datas, state):
            mujoco.mj_getState(model, data, row, FULL_STATE)
        return state

    def set_state(self, state):
        """Puts every world where `get_state` found it: its next steps are the same bits."""
        for model, data, alarms, row in zip(self.models, self.datas, self._alarms, state):
            mujoco.mj_setState(model, data, row, FULL_STATE)
            alarms[:] = 0

    def close(self):
        """Ends the threads."""
        if self._pool:
            self._pool.shutdown()


def overlap(data, sides):
    """Whether some geom of side 1 and some geom of side 2 run into each other in an `MjData`.

    sides: [ngeom] int, 1 or 2 for the geoms of the two sides and 0 for all others.
    """
    if not data.ncon:
        return False
    contact = data.contact
    first, second = sides.take(contact.geom).T  # `take` and `count_nonzero`: a third of the time
    return np.count_nonzero((first + second == 3) & (contact.dist < 0)) > 0
