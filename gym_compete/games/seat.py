"""One agent of every match, as columns."""

import numpy as np


class Seat:
    """Views of one agent's part of the simulation's columns, [N, ...] each, always current.

    index: 0 or 1; body: its robot; qpos, qvel: the agent's own coordinates;
    qpos_slice, qvel_slice: where those lie in a whole state; x, y, z: the root's position [N];
    com, com_before: center of mass after and before the step [N, 3]; cfrc_ext and, if the game
    reads them, cinert, cvel, qfrc_actuator, xmat: flattened to [N, k]; root: id of the root body;
    geoms: ids of the agent's geoms.
    """

    def __init__(self, index, body, model, sim):
        self.index, self.body = index, body
        self.root = model.body(f"agent{index}/torso").id
        mine = np.flatnonzero(model.body_rootid == self.root)
        bodies = slice(mine[0], mine[-1] + 1)
        self.geoms = np.flatnonzero(np.isin(model.geom_bodyid, mine))
        joints = np.flatnonzero(np.isin(model.jnt_bodyid, mine))
        self.qpos_slice = slice(model.jnt_qposadr[joints[0]], model.jnt_qposadr[joints[-1]] + 1)
        self.qvel_slice = slice(model.jnt_dofadr[joints[0]], model.jnt_dofadr[joints[-1]] + 1)
        motors = np.flatnonzero(np.isin(model.actuator_trnid[:, 0], joints))
        self.ac_high = model.actuator_ctrlrange[motors, 1]

        columns = sim.columns
        self.qpos = columns["qpos"][:, self.qpos_slice]
        self.qvel = columns["qvel"][:, self.qvel_slice]
        self.x, self.y, self.z = self.qpos[:, 0], self.qpos[:, 1], self.qpos[:, 2]
        self.com = columns["subtree_com"][:, self.root]
        self.com_before = sim.com_before[:, self.root]
        for name in ("cfrc_ext", "cinert", "cvel"):
            if name in columns:
                setattr(self, name, _flat(columns[name][:, bodies]))
        if "qfrc_actuator" in columns:
            self.qfrc_actuator = columns["qfrc_actuator"][:, self.qvel_slice]
        if "xmat" in columns:
            self.xmat = columns["xmat"][:, self.root]
        self.clipped_force = np.empty_like(self.cfrc_ext)

    def __reduce__(self):
        raise TypeError("a Seat is copied only with its game: copy that or its environment")

    def refresh(self):
        """Updates `clipped_force`, cfrc_ext clipped to +-1, for observations and rewards."""
        np.clip(self.cfrc_ext, -1, 1, out=self.clipped_force)


def _flat(column):
    """[N, bodies, k] as a view [N, bodies * k]; a copy would silently go stale."""
    view = column.view()
    view.shape = (column.shape[0], -1)
    return view
