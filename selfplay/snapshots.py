"""The snapshots of a run: written every iteration, drawn as opponents."""

import os

import numpy as np

from common.command_line import InputError
from common.files import stem
from common.parameter_file import load_parameters, save_parameters
from common.run_folder import snapshot_paths
from distributed_data import comm
from selfplay.curriculum import Curriculum


class Snapshots:
    """`directory`/agent0/000123.npz for that learner after iteration 123; 000000 is its start.

    names, headers: each learner's folder, and the header of its parameter files without version,
    iteration and curriculum. pool: `Pool` of other runs' files, which make up the share
    `pool_share` of all draws. curriculum: the run's `Curriculum`. warn: function that takes a line
    for the user. priorities: `Priorities` that weigh versions and files, None if all are equally
    likely. Only rank 0 touches the disk.
    """

    def __init__(self, directory, names, headers, pool=None, pool_share=0.0, curriculum=None,
                 warn=print, priorities=None):
        self.directory, self.names, self.headers = directory, names, headers
        self._curriculum = curriculum or Curriculum(0)
        self._pool, self._pool_share, self._priorities = pool, pool_share, priorities
        self.latest, self._thinned = -1, 1
        self._warn, self._warned = warn, set()
        self._held, self._spared = set(), []
        if comm.RANK == 0:
            for name in names:
                os.makedirs(os.path.join(directory, name), exist_ok=True)

    def path(self, learner, version):
        """The file of one snapshot."""
        return os.path.join(self.directory, self.names[learner], f"{version:06d}.npz")

    def save(self, version, vectors):
        """Writes every learner's parameters as this version, the latest."""
        def write():
            for k, (vector, header) in enumerate(zip(vectors, self.headers)):
                save_parameters(self.path(k, version), vector,
                                {**header, "version": version, "iteration": version,
                                 "curriculum": self._curriculum.at(version)})

        comm.from_root(write)
        self.latest = version

    def mend(self, vectors):
        """Rewrites the latest version if its file is missing or damaged.

        vectors: every learner's parameters.
        """
        lost = comm.from_root(lambda: [name for k, name in enumerate(self.names)
                                       if read(self.path(k, self.latest)) is None])
        for name in lost:
            self._warn(f"{name}/{self.latest:06d}.npz was gone or damaged and has been rewritten")
        if lost:
            self.save(self.latest, vectors)

    def thin_out(self, delta, keep):
        """Deletes versions that can no longer be drawn, except version 0 and every `keep`-th.

        Draws start at delta * latest, which never falls; the margin of two iterations is for runs
        that resume from their previous checkpoint. Versions that any rank's opponents use stay
        until they are replaced. keep: 0 keeps only version 0.
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
        """Marks the files that this rank's opponents use; what any rank has marked is kept."""
        self._held = {os.path.abspath(path) for theirs in comm.gather(paths) for path in theirs}

    def disk_use(self, delta, keep, versions):
        """Estimated bytes on disk once `versions` is the latest version, from current sizes."""
        size = sum(os.path.getsize(self.path(k, self.latest)) for k in range(len(self.names)))
        return size * versions_kept(delta, keep, versions)

    def first(self):
        """Every learner's parameters before training, None for files that are gone."""
        return comm.from_root(lambda: [read(self.path(k, 0)) for k in range(len(self.names))])

    def draw(self, rng, delta, rivals, learners=None):
        """Draws an older version for each of this rank's opponents; returns [(path, vector)].

        rng: this rank's generator; rivals: for each opponent, the learners whose version it may be,
        all equally likely; learners: for each opponent, the learner that it meets; None without
        priorities. Versions come from Uniform(delta * latest, latest), both ends included (paper,
        section 4.2), or from the pool of other runs.
        """
        first = int(np.ceil(delta * self.latest))
        meetings = list(zip(learners or [None] * len(rivals), rivals))
        self._weigh(first)
        wanted = [self._draw_path(rng, *meeting, first) for meeting in meetings]
        found = self._load(wanted, first)
        while lost := {path for path, got in found.items() if got is None}:
            self._pool.drop(lost)
            self._weigh(first)
            wanted = [self._draw_path(rng, *meeting, first) if path in lost else path
                      for path, meeting in zip(wanted, meetings)]
            found = self._load(wanted, first)
        return [found[path] for path in wanted]

    def reload(self, paths):
        """Vectors of files that this rank has drawn before; None for those now missing."""
        asked = comm.to_root(paths)

        def load():
            vectors = {path: read(path) for path in sorted(set(sum(asked, [])))}
            for path in (path for path, vector in vectors.items() if vector is None):
                self._warn(f"{path} is gone or damaged; its matches go on against another version")
            return [[vectors[path] for path in theirs] for theirs in asked]

        return comm.deal(load)

    def _load(self, wanted, first):
        """{path: (path, vector)} of all ranks' files; None for files that the pool has lost."""
        asked = comm.gather(wanted)
        return comm.from_root(lambda: {path: self._read(path, first)
                                       for path in sorted(set(sum(asked, [])))})

    def _read(self, path, first):
        vector = read(path)
        if self._pool and path in self._pool:
            whole = vector is not None and self._pool.unchanged(path)
            return (path, vector) if whole else None
        return self._stand_in(path, first) if vector is None else (path, vector)

    def _weigh(self, first):
        if self._priorities:
            self._priorities.weigh(first, self.latest)

    def _draw_path(self, rng, learner, rivals, first):
        rival, weighed = int(rng.choice(rivals)), self._priorities
        if self._pool and rng.random() < self._pool_share:
            path = (weighed.file(rng, learner, rival) if weighed else self._pool.draw(rng, rival))
            if path:
                return path
        version = (weighed.version(rng, learner, rival) if weighed else
                   int(rng.integers(first, self.latest + 1)))
        return self.path(rival, version)

    def _stand_in(self, path, first):
        """(path, vector) of another version in place of one that is gone."""
        folder, name = os.path.dirname(path), os.path.relpath(path, self.directory)
        paths = snapshot_paths(folder)
        versions = sorted(v for v in paths if first <= v <= self.latest)
        turn = int(stem(path)) % max(1, len(versions))  # spreads lost draws evenly
        for version in versions[turn:] + versions[:turn]:
            vector = read(paths[version])
            if vector is not None:
                if folder not in self._warned:
                    self._warned.add(folder)
                    self._warn(f"{name} is gone or damaged; other versions replace such files")
                return paths[version], vector
        raise InputError(f"{name}: is gone or damaged, and so are all versions from {first} on; put"
                         " one back, or begin a new run from what there is with --init")


def versions_kept(delta, keep, latest):
    """How many versions of a learner `Snapshots.thin_out` leaves once `latest` is the latest."""
    first = max(1, int(np.ceil(delta * (latest - 2))))
    return 1 + latest - first + 1 + ((first - 1) // keep if keep else 0)


def read(path):
    """A file's parameters, or None if it cannot be read."""
    try:
        return load_parameters(path)[0]
    except InputError:
        return None
