"""The games' scenes as MJCF, for other programs."""

import xml.etree.ElementTree as ElementTree

from gym_compete.games import find_game

# MuJoCo writes six digits; these need all: element -> {attribute: array of the `MjModel`}.
EXACT = {
    "inertial": {"pos": "body_ipos", "quat": "body_iquat", "mass": "body_mass",
                 "diaginertia": "body_inertia"},
    "body": {"pos": "body_pos", "quat": "body_quat"},
    "joint": {"pos": "jnt_pos", "axis": "jnt_axis", "range": "jnt_range"},
    "geom": {"pos": "geom_pos", "quat": "geom_quat", "size": "geom_size"},
}


def spec(game, **options):
    """Returns a game's scene as a fresh `mujoco.MjSpec`, to change and compile at will.

    game: short name or Gymnasium id; options: the game's own (`integrator`, ...). A sumo ring has
    its largest radius. Raises ValueError for an unknown game or a bad option.
    """
    return find_game(game)(**options).make_spec()


def to_xml(game, **options):
    """Returns MJCF that MuJoCo compiles to the model that the game plays in.

    Arguments and errors are those of `spec`. The text refers to no other file.
    """
    scene = spec(game, **options)
    model = scene.compile()
    root = ElementTree.fromstring(scene.to_xml())
    for name, elements in _numbered(root.find("worldbody")).items():
        for i, element in elements:
            _write(element, {key: getattr(model, array)[i] for key, array in EXACT[name].items()})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _numbered(world):
    """The elements of each name in `EXACT`, each with its number: they are compiled in order."""
    bodies = [(0, world), *enumerate(world.iter("body"), start=1)]
    joints = (element for element in world.iter() if element.tag in ("joint", "freejoint"))
    inertials = ((i, body.find("inertial")) for i, body in bodies)
    return {"body": bodies, "inertial": [pair for pair in inertials if pair[1] is not None],
            "joint": enumerate(joints), "geom": enumerate(world.iter("geom"))}


def _write(element, values):
    """Writes exact numbers into those of the attributes that the element has."""
    for key, value in values.items():
        if key in element.attrib and "mesh" not in element.attrib:  # meshes are moved when compiled
            count = len(element.get(key).split())
            element.set(key, " ".join(repr(float(x)) for x in value.ravel()[:count]))
