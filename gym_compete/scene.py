"""Puts two robots and a playing field into one MuJoCo model, at run time, without XML files."""

import mujoco
import numpy as np

# agent0 red, agent1 blue: told apart in any video.
COLOURS = ((0.86, 0.30, 0.22, 1.0), (0.20, 0.45, 0.85, 1.0))


def new_field(timestep, integrator):
    """Returns an `MjSpec` with floor, light and goal lines (docs/games.md, physics).

    timestep: seconds of one simulator step; integrator: "RK4" or "Euler".
    """
    spec = mujoco.MjSpec()
    spec.modelname = "gym_compete"
    spec.option.timestep = timestep
    spec.option.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{integrator.upper()}")
    spec.option.solver = mujoco.mjtSolver.mjSOL_PGS
    spec.option.iterations = 1000
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    _add_looks(spec)
    spec.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[20, 20, 0.125],
        friction=[1, 0.1, 0.1], condim=3, material="floor")
    for name, x in (("rightgoal", 4), ("leftgoal", -4)):
        spec.worldbody.add_geom(
            name=name, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.03, 0, 0],
            fromto=[x, -5, 0, x, 5, 0], rgba=[0.6, 0, 0, 1])
    return spec


def _add_looks(spec):
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=1536,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=[0.85, 0.9, 0.95], rgb2=[0.4, 0.5, 0.6])
    spec.add_texture(
        name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=128, height=128,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=[0.32, 0.36, 0.38],
        rgb2=[0.4, 0.44, 0.46])
    material = spec.add_material(
        name="floor", texrepeat=[20, 20], texuniform=False)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 6], dir=[0.2, 0.2, -1],
        diffuse=[0.8, 0.8, 0.8], specular=[0.1, 0.1, 0.1])


def add_robot(spec, body, index, position, yaw):
    """Seats a robot: bodies, joints and motors get the prefix `agent{index}/`.

    position: x, y, z of the root [m]; yaw: about z [degrees].
    """
    robot = body.load()
    robot.option = spec.option  # the field's settings hold for all that stands on it
    torso = robot.body("torso")
    half = np.radians(yaw) / 2
    torso.pos, torso.quat = position, [np.cos(half), 0, 0, np.sin(half)]
    for geom in (g for b in robot.bodies[1:] for g in b.geoms):
        geom.material, geom.rgba = "", COLOURS[index]
    spec.worldbody.add_frame().attach_body(torso, f"agent{index}/", "")
