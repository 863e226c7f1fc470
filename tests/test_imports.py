"""The house's arrows: which room may import which, read from the sources themselves."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = {"common", "distributed_data", "gym_compete", "networks"}  # the packages under the wings

# Every room and script, and what of ours it may import besides itself.
MAY = {
    "common": set(), "distributed_data": set(), "gym_compete": set(),
    "networks": {"common", "distributed_data", "gym_compete"},
    "policy": {"networks"},
    "utils": {"networks", "common", "distributed_data"},
    "selfplay": SMALL | {"utils"}, "evaluation": SMALL | {"utils"},
    "viewing": {"common", "distributed_data", "gym_compete"},
    "learn": SMALL | {"selfplay", "utils"},
    "run": SMALL | {"selfplay", "evaluation", "learn"},
    "load_parameter_run": SMALL | {"evaluation", "viewing"},
    "benchmarks": SMALL | {"selfplay", "evaluation", "viewing", "utils", "policy", "learn", "run",
                           "load_parameter_run"},
    "examples": {"gym_compete"},
    "docs": SMALL | {"evaluation", "viewing", "load_parameter_run"},
    "experiments": SMALL | {"selfplay", "evaluation", "viewing", "utils", "policy", "learn", "run",
                            "load_parameter_run"}}
MAY_NOT = {  # what is not ours and has no place in a room
    "common": {"tensorflow", "mpi4py", "mujoco", "gymnasium"},
    "gym_compete": {"tensorflow", "mpi4py"}, "viewing": {"tensorflow", "mpi4py"},
    "networks": {"mpi4py"}, "selfplay": {"mpi4py"}, "evaluation": {"mpi4py"}}
COMMAND_LINES = {"common.command_line", "selfplay.config", "evaluation.commands",
                 "viewing.commands", "run", "load_parameter_run", "gym_compete.__main__",
                 "examples.stable_baselines3"}



def module_name(path):
    """A source file's name as Python imports it."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources():
    """{module: (its syntax tree, its package)} of all rooms and scripts."""
    paths = [path for room in MAY for path in (
        REPOSITORY / f"{room}.py", *(REPOSITORY / room).rglob("*.py")) if path.exists()]
    return {module_name(path): (ast.parse(path.read_text()), module_name(path.with_name(
        "__init__.py"))) for path in paths}


def imports(tree, package=""):
    """Names of all that a tree imports, within functions too.

    `from a import b` gives "a" and "a.b", since b may be a module; package: where dots lead to.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.rsplit(".", node.level - 1)[0]
                base = f"{above}.{base}".rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


IMPORTS = {name: set(imports(*source)) for name, source in sources().items()}


def room(name):
    """The first part of a module's name."""
    return name.split(".")[0]


def test_imports_are_found():
    """At the top, within a function, under another name, by dots."""
    tree = ast.parse("import a.b as c\ndef f():\n    from d import e as g\nfrom . import h\n"
                     "from ..i import j")
    assert set(imports(tree, "p.q")) == {"a.b", "d", "d.e", "p.q", "p.q.h", "p.i", "p.i.j"}
    assert "tensorflow.compat.v1" in IMPORTS["distributed_data.device"]


def test_every_room_has_its_arrows():
    """What is missing in the table would go unread."""
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    scripts = {path.stem for path in REPOSITORY.glob("*.py")}
    assert len(scripts) >= 5 and rooms | scripts <= set(MAY)


@pytest.mark.parametrize("name", MAY)
def test_arrows(name):
    """A room imports of ours what it may, and of others what suits it."""
    found = {(module, what) for module in IMPORTS if room(module) == name
             for what in IMPORTS[module]
             if (room(what) in MAY and room(what) not in MAY[name] | {name})
             or room(what) in MAY_NOT.get(name, ())}
    assert found == set()


def test_no_circle():
    """No module imports itself by way of others, not even within functions."""
    graph = {name: {what for what in IMPORTS[name] if what in IMPORTS and what != name
                    and not name.startswith(f"{what}.")} for name in IMPORTS}
    while ends := {name for name, whats in graph.items() if not whats}:
        graph = {name: whats - ends for name, whats in graph.items() if name not in ends}
    assert graph == {}


def test_who_knows_argparse():
    """Command lines are read at the top; below, arguments are plain values."""
    assert {name for name in IMPORTS if "argparse" in IMPORTS[name]} <= COMMAND_LINES
