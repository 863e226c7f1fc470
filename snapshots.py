"""The snapshots of a run: written every iteration, drawn as opponents."""

import os

import numpy as np

from distributed_data import comm
from utils import load_parameters, save_parameters


class Snapshots:
    """`directory`/agentK/000123.npz for learner K after iteration 123; 000000 is the untrained one.

    headers: one dict a learner with what a parameter file must say beside version and iteration.
    Rank 0 alone touches the disk.
    """

    def __init__(self, directory, headers):
        self.directory, self.headers = directory, headers
        self.latest = -1
        if comm.RANK == 0:
            for k in range(len(headers)):
                os.makedirs(os.path.join(directory, f"agent{k}"), exist_ok=True)

    def path(self, learner, version):
        """The file of one snapshot."""
        return os.path.join(self.directory, f"agent{learner}", f"{version:06d}.npz")

    def save(self, version, vectors):
        """Writes every learner's parameters as this version, which becomes the latest."""
        if comm.RANK == 0:
            for k, (vector, header) in enumerate(zip(vectors, self.headers)):
                save_parameters(self.path(k, version), vector,
                                {**header, "version": version, "iteration": version})
        self.latest = version

    def draw(self, rng, delta, learners):
        """Draws a version for each of this rank's opponents; returns their vectors.

        rng: this rank's generator; learners: whose older version each opponent is. Versions come
        from Uniform(delta * latest, latest), both ends included (paper, section 4.2).
        """
        first = int(np.ceil(delta * self.latest))
        wanted = [(k, int(rng.integers(first, self.latest + 1))) for k in learners]
        asked = comm.gather(wanted)
        vectors = comm.from_root(lambda: {draw: load_parameters(self.path(*draw))[0]
                                          for draws in asked for draw in draws})
        return [vectors[draw] for draw in wanted]
