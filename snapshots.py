"""The snapshots of a run: written every iteration, drawn as opponents."""

import os
import sys

import numpy as np

from distributed_data import comm
from utils import InputError, load_parameters, save_parameters


class Snapshots:
    """`directory`/agent0/000123.npz for that learner after iteration 123; 000000 is untrained.

    names, headers: for each learner its folder, and a dict with what a parameter file must say
    beside version and iteration. pool: for each learner lists of files, one list for each other
    run, that are drawn in its place, a share `pool_share` of all draws. Rank 0 alone touches the
    disk.
    """

    def __init__(self, directory, names, headers, pool=None, pool_share=0.0):
        self.directory, self.names, self.headers = directory, names, headers
        self._pool, self._pool_share = pool, pool_share
        self.latest, self._thinned = -1, 1
        self._held, self._spared = set(), []
        if comm.RANK == 0:
            for name in names:
                os.makedirs(os.path.join(directory, name), exist_ok=True)

    def path(self, learner, version):
        """The file of one snapshot."""
        return os.path.join(self.directory, self.names[learner], f"{version:06d}.npz")

    def save(self, version, vectors):
        """Writes every learner's parameters as this version, the latest; returns them."""
        def write():
            for k, (vector, header) in enumerate(zip(vectors, self.headers)):
                save_parameters(self.path(k, version), vector,
                                {**header, "version": version, "iteration": version})

        comm.from_root(write)
        self.latest = version
        return vectors

    def thin_out(self, delta, keep):
        """Deletes versions that can be drawn no more, but for version 0 and each `keep`-th.

        Those drawn come from delta * latest on, which never falls; two iterations' margin serves
        runs that go back to their previous checkpoint. What some rank's opponents hold stays until
        they do no more. keep: 0 leaves version 0 alone.
        """
        first = int(np.ceil(delta * (self.latest - 2)))
        old = [(k, version) for version in range(self._thinned, first)
               if version and (not keep or version % keep) for k in range(len(self.names))]
        spared, self._spared = self._spared + old, []
        for k, version in spared:
            path = self.path(k, version)
            if os.path.abspath(path) in self._held:
                self._spared.append((k, version))
            elif comm.RANK == 0 and os.path.exists(path):
                os.unlink(path)
        self._thinned = max(self._thinned, first)

    def hold(self, paths):
        """Notes which files this rank's opponents play by: those of all ranks are not deleted."""
        self._held = {os.path.abspath(path) for theirs in comm.gather(paths) for path in theirs}

    def disk_use(self, delta, keep, versions):
        """Bytes on disk once that version is the latest, by the size of version 0."""
        size = sum(os.path.getsize(self.path(k, 0)) for k in range(len(self.names)))
        first = max(1, int(np.ceil(delta * (versions - 2))))
        return size * (1 + versions - first + 1 + ((first - 1) // keep if keep else 0))

    def first(self):
        """Every learner's parameters as they were before training."""
        return comm.from_root(lambda: [load_parameters(self.path(k, 0))[0]
                                       for k in range(len(self.names))])

    def draw(self, rng, delta, rivals):
        """Draws an older version for each of this rank's opponents; returns [(path, vector)].

        rng: this rank's generator; rivals: for each opponent the learners that it may be, all
        equally likely. Versions come from Uniform(delta * latest, latest), both ends included
        (paper, section 4.2), or from the pool of other runs.
        """
        first = int(np.ceil(delta * self.latest))
        wanted = [self._draw_path(rng, int(rng.choice(learners)), first) for learners in rivals]
        asked = comm.gather(wanted)
        vectors = comm.from_root(lambda: {path: load_parameters(path)[0]
                                          for paths in asked for path in paths})
        return [(path, vectors[path]) for path in wanted]

    def _draw_path(self, rng, learner, first):
        if self._pool and rng.random() < self._pool_share:
            places = self._pool[learner]
            return str(rng.choice(places[rng.integers(len(places))]))
        return self.path(learner, int(rng.integers(first, self.latest + 1)))

    def read(self, paths):
        """Vectors of files that this rank has drawn before; None for one that has gone since."""
        asked = comm.gather(paths)

        def load(path):
            try:
                return load_parameters(path)[0]
            except InputError as error:
                print(f"{error}; its games go on against another version", file=sys.stderr)

        vectors = comm.from_root(lambda: {path: load(path) for path in
                                          sorted({path for paths in asked for path in paths})})
        return [vectors[path] for path in paths]
