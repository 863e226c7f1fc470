"""games.md 1: the models and MuJoCo's steps, against MuJoCo 2.1.0 and Gymnasium's files."""

import gymnasium
import mujoco
import numpy as np
import pytest
from made_states import SIX

from gym_compete import GAMES, find_game
from gym_compete.bodies import ANT, HUMANOID
from gym_compete.bodies.body import ASSETS
from gym_compete.bodies.inertia import capsule_inertia, sphere_inertia
from gym_compete.simulation import stop_clock

RACES = ("run-to-goal-ants", "run-to-goal-humans")
STEPPED = ("cfrc_ext", "cvel", "cinert", "qfrc_actuator")


@pytest.fixture(params=RACES)
def race(request, shared):
    """A race and what MuJoCo 2.1.0 makes of it."""
    path = shared / "reference" / f"mujoco-2.1.0_{request.param}.npz"
    if not path.exists():
        pytest.skip(f"no {path.name} in ../shared/reference")
    with np.load(path) as file:
        return find_game(request.param)(), dict(file)


def tensors(inertia, quats):
    """Full inertia tensors: principal axes may come in any order."""
    found = []
    for diagonal, quat in zip(inertia, quats):
        flat = np.empty(9)
        mujoco.mju_quat2Mat(flat, quat)
        found.append(flat.reshape(3, 3) @ np.diag(diagonal) @ flat.reshape(3, 3).T)
    return np.array(found)


def test_inertials_are_those_of_2017(race):
    game, reference = race
    model = game.sim.models[0]
    np.testing.assert_allclose(model.body_mass, reference["body_mass"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.body_ipos, reference["body_ipos"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        tensors(model.body_inertia, model.body_iquat),
        tensors(reference["body_inertia"], reference["body_iquat"]), rtol=0, atol=1e-12)


def test_start_is_that_of_2017(race):
    game, reference = race
    np.testing.assert_allclose(game.sim.models[0].qpos0, reference["qpos_init"], atol=1e-12)


@pytest.mark.parametrize("trial", range(4))
def test_first_step_is_that_of_2017(race, trial):
    game, reference = race
    game.sim.place(0, reference["qpos0"][trial], reference["qvel0"][trial])
    touching = game.sim.datas[0].ncon > 0
    game.sim.step(reference["ctrl"][trial, :1])
    touching |= reference["ncon"][trial, 0] > 0
    columns = {name: column[0] for name, column in game.sim.columns.items()}
    np.testing.assert_allclose(columns["qpos"], reference["qpos"][trial, 0],
                               rtol=0, atol=1e-3 if touching else 1e-6)
    for name in set(STEPPED) & set(columns):
        expected = reference[name][trial, 0]
        tolerance = 0.02 if touching else 1e-6  # of the array's own size
        np.testing.assert_allclose(columns[name], expected, rtol=0,
                                   atol=tolerance * max(1, np.abs(expected).max()), err_msg=name)


def test_contact_forces_are_those_of_2017(race):
    """`mj_step` alone leaves cfrc_ext at zero; steps from 2.1.0's states show it full."""
    game, reference = race
    errors = []
    for trial, step in np.argwhere(np.abs(reference["cfrc_ext"]).max(axis=(2, 3)) > 1):
        if step == 0:
            continue
        game.sim.place(0, reference["qpos"][trial, step - 1], reference["qvel"][trial, step - 1])
        game.sim.step(reference["ctrl"][trial, step:step + 1])
        expected = reference["cfrc_ext"][trial, step]
        errors.append(np.abs(game.sim.columns["cfrc_ext"][0] - expected).max()
                      / np.abs(expected).max())
    assert len(errors) > 50
    # A few steps see a contact a moment earlier or later than 2.1.0 did.
    assert np.median(errors) < 1e-3 and np.quantile(errors, 0.8) < 0.03


def test_capsules_and_spheres_by_the_old_rule():
    mass, inertia = capsule_inertia(radius=0.1, length=0.5, density=1000)
    assert mass == pytest.approx(1000 * np.pi * 0.01 * 0.6)
    assert inertia == pytest.approx(
        [mass * (0.03 + 0.36) / 12, mass * (0.03 + 0.36) / 12, mass * 0.005])
    mass, inertia = sphere_inertia(radius=0.1, density=1000)
    assert mass == pytest.approx(4 / 3 * np.pi) and inertia == pytest.approx(3 * [0.004 * mass])


@pytest.mark.parametrize("name, mass", [("run-to-goal-humans", 39.646), ("sumo-humans", 39.646),
                                        ("kick-and-defend", 39.646)])
def test_humanoid_has_its_old_mass(name, mass):
    model = find_game(name)().sim.models[0]
    for seat in range(2):
        torso = model.body(f"agent{seat}/torso").id
        assert model.body_subtreemass[torso] == pytest.approx(mass, abs=5e-4)
        assert model.body_mass[torso] == pytest.approx(8.3221, abs=5e-5)


TIMES = {"run-to-goal-ants": 0.01}
STARTS = {  # z, yaw of agent0 [degrees], per game
    "run-to-goal-ants": (0.75, 0), "run-to-goal-humans": (1.4, 0), "you-shall-not-pass": (1.4, 0),
    "sumo-ants": (2.5, 180), "sumo-humans": (2.5, 0), "kick-and-defend": (1.5, 0)}


@pytest.mark.parametrize("name", SIX)
def test_table_of_games(name):
    game = find_game(name)()
    option = game.sim.models[0].opt
    assert option.timestep == TIMES.get(name, 0.003)
    assert game.frame_skip == 5 and game.dt == pytest.approx(5 * option.timestep)
    assert option.integrator == mujoco.mjtIntegrator.mjINT_RK4
    assert option.solver == mujoco.mjtSolver.mjSOL_PGS and option.iterations == 1000
    assert option.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    z, yaw = STARTS[name]
    for seat, x, turn in ((game.seats[0], -1, yaw), (game.seats[1], 1, 180)):
        start = game.sim.models[0].qpos0[seat.qpos_slice]
        assert start[2] == z and start[1] == 0 and np.sign(start[0]) == x
        if game.name.startswith(("run", "you")):
            assert start[0] == x
        half = np.radians(turn) / 2
        np.testing.assert_allclose(start[3:7], [np.cos(half), 0, 0, np.sin(half)], atol=1e-12)


@pytest.mark.parametrize("name, num_threads", [("run-to-goal-humans", 1), ("sumo-ants", 2)])
def test_worlds_step_as_if_each_were_alone(name, num_threads):
    """However many share a thread's scratch memory, and of whatever size their rings are."""
    rng = np.random.default_rng(0)
    game = find_game(name)(4, num_threads)
    for i in range(4):
        game.reset(i, rng)
    alone = [mujoco.MjData(model) for model in game.sim.models]
    for data, placed in zip(alone, game.sim.datas):
        data.qpos[:], data.qvel[:] = placed.qpos, placed.qvel
        data.qacc_warmstart[:] = placed.qacc_warmstart
    for _ in range(40):
        ctrl = rng.uniform(-1, 1, (4, game.sim.models[0].nu))
        game.sim.step(ctrl)
        for i, (model, data) in enumerate(zip(game.sim.models, alone)):
            data.ctrl[:] = ctrl[i]
            mujoco.mj_step(model, data, 5)
            np.testing.assert_array_equal(game.sim.columns["qpos"][i], data.qpos)
            np.testing.assert_array_equal(game.sim.datas[i].qvel, data.qvel)
            assert game.sim.datas[i].time == data.time


@pytest.mark.parametrize("num_envs", [1, 2])
def test_a_push_is_felt(num_envs):
    """Forces that somebody applies to a world act on it, however many worlds there are."""
    game = find_game("run-to-goal-ants")(num_envs)
    game.reset(0, np.random.default_rng(0))
    game.sim.datas[0].xfrc_applied[1, 0] = 300
    game.sim.step(np.zeros((num_envs, game.sim.models[0].nu)))
    assert game.sim.datas[0].qvel[0] > 5


def test_no_clock_runs():
    """The simulation takes MuJoCo's clock away, and the bindings can bring it back."""
    game = find_game("run-to-goal-ants")()
    model, data = game.sim.models[0], mujoco.MjData(game.sim.models[0])
    try:
        mujoco.mj_step(model, data)
        if data.timer.duration.max() > 0 and mujoco.__version__ < "3.17":
            pytest.skip("this older MuJoCo keeps its clock")
        assert data.timer.duration.max() == 0
        mujoco.set_mjcb_time(None)
        mujoco.mj_step(model, data)
        assert data.timer.duration.max() > 0
    finally:
        stop_clock()


def test_integrator_option():
    model = find_game("run-to-goal-ants")(integrator="Euler").sim.models[0]
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER


@pytest.mark.parametrize("name", SIX)
def test_field(name):
    model = find_game(name)().sim.models[0]
    floor = model.geom("floor")
    assert floor.type == mujoco.mjtGeom.mjGEOM_PLANE and floor.condim == 3 and floor.margin == 0
    np.testing.assert_array_equal(floor.friction, [1, 0.1, 0.1])
    for line, x in (("rightgoal", 4), ("leftgoal", -4)):
        geom = model.geom(line)
        assert geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER
        np.testing.assert_allclose(geom.pos, [x, 0, 0], atol=1e-12)
        np.testing.assert_allclose(geom.size[:2], [0.03, 5])
        assert geom.contype == 1 and geom.conaffinity == 1
        assert (geom.rgba[3] == 0) == name.startswith("sumo")
    np.testing.assert_allclose(model.geom_solref, np.tile([0.02, 1], (model.ngeom, 1)))
    np.testing.assert_allclose(model.geom_solimp[:, :3], np.tile([0.9, 0.95, 0.001],
                                                                 (model.ngeom, 1)))


PER_BODY = ("body_pos", "body_quat")
PER_JOINT = ("jnt_type", "jnt_range", "jnt_axis", "jnt_pos", "jnt_stiffness", "jnt_limited",
             "jnt_margin")
PER_DOF = ("dof_damping", "dof_armature", "dof_frictionloss")
PER_GEOM = ("geom_type", "geom_size", "geom_pos", "geom_quat", "geom_friction", "geom_margin",
            "geom_condim", "geom_contype", "geom_solref", "geom_solimp")
PER_MOTOR = ("actuator_gear", "actuator_ctrlrange", "actuator_ctrllimited")


@pytest.mark.parametrize("seat", range(2))
@pytest.mark.parametrize("name", SIX)
def test_bodies_are_gymnasiums_but_for_what_is_listed(name, seat):
    game = find_game(name)()
    model, mine = game.sim.models[0], game.seats[seat]
    theirs = mujoco.MjModel.from_xml_path(f"{ASSETS}/{mine.body.asset}")
    bodies = np.arange(mine.root, mine.root + 13)
    joints = np.flatnonzero(np.isin(model.jnt_bodyid, bodies))
    dofs = np.arange(model.nv)[mine.qvel_slice]
    motors = np.flatnonzero(np.isin(model.actuator_trnid[:, 0], joints))

    def same(fields, ours, others, skip=0):
        for field in fields:
            np.testing.assert_allclose(getattr(model, field)[ours][skip:],
                                       getattr(theirs, field)[others][skip:],
                                       rtol=0, atol=1e-9, err_msg=field)

    ranges = theirs.jnt_range
    if mine.body.name == "humanoid":
        left_hip = theirs.joint("left_hip_y").id
        np.testing.assert_allclose(np.degrees(ranges[left_hip]), [-110, 20])
        ranges[left_hip] = np.radians([-120, 20])
    geoms = np.flatnonzero(theirs.geom_bodyid > 0)
    same(PER_BODY, bodies, slice(1, None), skip=1)  # the root starts where the game says
    same(PER_JOINT, joints, slice(None), skip=1)
    same(PER_DOF, dofs, slice(None))
    same(PER_GEOM, mine.geoms, geoms)
    same(PER_MOTOR, motors, slice(None))
    assert (model.geom_conaffinity[mine.geoms] == 1).all()
    assert (theirs.geom_conaffinity[geoms] == (0 if mine.body.name == "ant" else 1)).all()


@pytest.mark.parametrize("body, gears, high", [(ANT, {150}, 1.0),
                                               (HUMANOID, {25, 100, 200, 300}, 0.4)])
def test_motors(body, gears, high):
    model = body.load().compile()
    assert set(model.actuator_gear[:, 0]) == gears
    np.testing.assert_allclose(model.actuator_ctrlrange, np.tile([-high, high], (model.nu, 1)))


def test_gymnasium_ids():
    """The head of games.md: names on the command line and registered ids."""
    ids = {"run-to-goal-ants": "run-to-goal-ants-v0", "run-to-goal-humans": "run-to-goal-humans-v0",
           "you-shall-not-pass": "you-shall-not-pass-humans-v0", "sumo-ants": "sumo-ants-v0",
           "sumo-humans": "sumo-humans-v0", "kick-and-defend": "kick-and-defend-v0"}
    assert [*GAMES][:6] == list(SIX) == list(ids)
    for name, env_id in ids.items():
        assert GAMES[name].env_id == env_id and env_id in gymnasium.registry
