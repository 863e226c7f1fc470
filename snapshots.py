"""The snapshots of a run: written every iteration, drawn as opponents."""

import os

import numpy as np

from distributed_data import comm
from utils import load_parameters, save_parameters


class Snapshots:
    """`directory`/agent0/000123.npz for that learner after iteration 123; 000000 is untrained.

    names, headers: for each learner its folder, and a dict with what a parameter file must say
    beside version and iteration. Rank 0 alone touches the disk.
    """

    def __init__(self, directory, names, headers):
        self.directory, self.names, self.headers = directory, names, headers
        self.latest = -1
        if comm.RANK == 0:
            for name in names:
                os.makedirs(os.path.join(directory, name), exist_ok=True)

    def path(self, learner, version):
        """The file of one snapshot."""
        return os.path.join(self.directory, self.names[learner], f"{version:06d}.npz")

    def save(self, version, vectors):
        """Writes every learner's parameters as this version, the latest; returns them."""
        if comm.RANK == 0:
            for k, (vector, header) in enumerate(zip(vectors, self.headers)):
                save_parameters(self.path(k, version), vector,
                                {**header, "version": version, "iteration": version})
        self.latest = version
        return vectors

    def draw(self, rng, delta, rivals):
        """Draws an older version for each of this rank's opponents; returns their vectors.

        rng: this rank's generator; rivals: for each opponent the learners that it may be, all
        equally likely. Versions come from Uniform(delta * latest, latest), both ends included
        (paper, section 4.2).
        """
        first = int(np.ceil(delta * self.latest))
        wanted = [(int(rng.choice(learners)), int(rng.integers(first, self.latest + 1)))
                  for learners in rivals]
        asked = comm.gather(wanted)
        vectors = comm.from_root(lambda: {draw: load_parameters(self.path(*draw))[0]
                                          for draws in asked for draw in draws})
        return [vectors[draw] for draw in wanted]
