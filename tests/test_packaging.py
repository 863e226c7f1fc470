"""Files for others' tools: the CI workflow, the requirements and the citation agree."""

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
WORKFLOW = (REPOSITORY / ".github" / "workflows" / "ci.yml").read_text()


def pins(name):
    """The {package: version} that a requirements file names itself."""
    text = (REPOSITORY / name).read_text()
    return dict(re.findall(r"^([\w-]+)(?:\[[\w,-]+\])?==(\S+)$", text, re.M))


def test_ci_runs_the_script_on_every_supported_python():
    """From pyproject's oldest Python on, without gaps; the script's own python3 is checked."""
    versions = re.findall(r'"3\.(\d+)"', re.search(r"python: \[(.*)\]", WORKFLOW).group(1))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    oldest = int(project["requires-python"].removeprefix(">=3."))
    assert list(map(int, versions)) == [oldest, oldest + 1, oldest + 2]
    assert f"Python 3.{oldest} or newer" in (REPOSITORY / "README.md").read_text()
    steps = re.findall(r"^ {6}(?:- | {2})(uses|run): (.*)$", WORKFLOW, re.M)
    assert [name for name, _ in steps] == ["uses", "uses", "run", "run", "run"]
    assert "python3 --version | grep" in steps[2][1] and steps[-1] == ("run", ".ci/run")
    assert "\t" not in WORKFLOW


def test_ci_runs_an_executable():
    """A workflow calls it by its name."""
    assert (REPOSITORY / ".ci" / "run").stat().st_mode & 0o111


def test_the_gpu_build_is_of_the_same_tensorflow():
    """requirements-gpu.txt adds CUDA to what requirements.txt pins, and nothing else."""
    lines = (REPOSITORY / "requirements-gpu.txt").read_text().split()
    assert lines[:2] == ["-r", "requirements.txt"]
    gpu = pins("requirements-gpu.txt")
    assert gpu == {"tensorflow": pins("requirements.txt")["tensorflow"]}
    assert lines[2].startswith("tensorflow[and-cuda]==")


def test_the_citation_is_the_papers():
    """The same arXiv number as README's, and its five authors."""
    citation = (REPOSITORY / "CITATION.cff").read_text()
    number = re.search(r"arxiv.org/abs/([\d.]+)\)", (REPOSITORY / "README.md").read_text()).group(1)
    assert f"arXiv:{number}" in citation and f"https://arxiv.org/abs/{number}" in citation
    assert re.findall(r"family-names: (\w+)", citation) == [
        "Bansal", "Pachocki", "Sidor", "Sutskever", "Mordatch"]
