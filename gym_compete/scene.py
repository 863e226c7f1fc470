"""Puts two robots and a playing field into one MuJoCo model, at run time, without XML files."""

import mujoco
import numpy as np

# agent0 red, agent1 blue: easy to tell apart.
COLORS = ((0.82, 0.16, 0.12), (0.10, 0.32, 0.80))
LINE = (0.98, 0.78, 0.15, 1)  # of goals
HAZE = (0.80, 0.87, 0.94)  # over the horizon


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
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.125],
        friction=[1, 0.1, 0.1], condim=3, material="floor")
    for name, x in (("rightgoal", 4), ("leftgoal", -4)):
        spec.worldbody.add_geom(
            name=name, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.03, 0, 0],
            fromto=[x, -5, 0, x, 5, 0], rgba=LINE)
    return spec


def _add_looks(spec):
    """Sky, floor and sun; how finely all is drawn."""
    spec.visual.global_.fovy = 40
    spec.visual.quality.shadowsize, spec.visual.quality.numslices = 2048, 64
    spec.visual.map.shadowclip = 0.5  # of the extent: everything on the field casts a shadow
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.35] * 3, [0.3] * 3
    spec.visual.headlight.specular = [0, 0, 0]
    spec.visual.rgba.haze, spec.visual.map.haze = [*HAZE, 1], 0.6
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=1536,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=[0.40, 0.60, 0.86],
        rgb2=[1, 1, 1])
    spec.add_texture(
        name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=[0.66, 0.71, 0.74],
        rgb2=[0.74, 0.79, 0.82])
    material = spec.add_material(
        name="floor", texrepeat=[1, 1], texuniform=True, reflectance=0, specular=0.1)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 6], dir=[0.05, 0.5, -1],
        ambient=[0, 0, 0], diffuse=[0.6, 0.6, 0.58], specular=[0.3, 0.3, 0.3])


def add_robot(spec, body, index, position, yaw):
    """Adds a robot: its bodies, joints and motors get the prefix `agent{index}/`.

    position: x, y, z of the root [m]; yaw: about z [degrees].
    """
    robot = body.load()
    robot.option = spec.option  # the field's settings hold for robots too
    torso = robot.body("torso")
    half = np.radians(yaw) / 2
    torso.pos, torso.quat = position, [np.cos(half), 0, 0, np.sin(half)]
    _paint(torso, COLORS[index])
    spec.worldbody.add_frame().attach_body(torso, f"agent{index}/", "")


def _paint(body, color, link=0):
    """Colors a body and those below it: neighboring limbs differ in shade, head and feet are light.

    link: how many joints of the tree lie between the body and the torso.
    """
    for geom in body.geoms:
        light = 0.28 if geom.type == mujoco.mjtGeom.mjGEOM_SPHERE else 0.12 * (link % 2)
        geom.material = ""
        geom.rgba = [*(np.asarray(color) * (1 - light) + light), 1]
    for child in body.bodies:
        _paint(child, color, link + 1)
