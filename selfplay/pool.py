"""Opponents from other runs: their files must be those that the run began with."""

import json
import os

import numpy as np

from common.command_line import InputError
from common.files import file_digest
from distributed_data import comm


class Pool:
    """The files that --pool names; a part of the checkpoint.

    save_dir: where runs are; files inside it may move with it. files: for each learner lists of
    paths, one list per other run; None: `set_state` says which. A file that is missing or has
    changed when it is drawn is no longer drawn. Only rank 0 touches the disk.
    """

    def __init__(self, save_dir, files=None):
        self._save_dir, self._gone, self._lost = save_dir, set(), []
        self._files, self._digests = [], {}
        if files is not None:
            self._digests = {path: digest for path in {p for lists in files for paths in lists
                                                       for p in paths}
                             if (digest := digest_if_there(path))}  # some may be deleted meanwhile
            self._files = [[[path for path in paths if path in self._digests] for paths in lists]
                           for lists in files]

    def __contains__(self, path):
        return path in self._digests

    def draw(self, rng, learner):
        """A file of this learner's, all runs equally likely; None if there are none left."""
        lists = [[path for path in paths if path not in self._gone]
                 for paths in self._files[learner]]
        lists = [paths for paths in lists if paths]
        if not lists:
            return None
        paths = lists[rng.integers(len(lists))]
        return paths[rng.integers(len(paths))]

    def lists(self, learner):
        """For each run: (this learner's files, mask of those that are still drawn)."""
        return [(paths, np.array([path not in self._gone for path in paths], bool))
                for paths in self._files[learner]]

    def unchanged(self, path):
        """Whether a file is there and has not changed."""
        return digest_if_there(path) == self._digests[path]

    def drop(self, paths):
        """Stops drawing these files."""
        self._gone |= paths
        self._lost += sorted(paths)

    def lost(self):
        """The files that have been dropped since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def get_state(self):
        """All names and digests, and which are no longer drawn: {"files": UTF-8 of JSON}."""
        files = [[[self.name(path) for path in paths] for paths in lists] for lists in self._files]
        digests = {self.name(path): digest for path, digest in self._digests.items()}
        text = json.dumps([files, digests, sorted(map(self.name, self._gone))], sort_keys=True)
        return {"files": np.frombuffer(text.encode(), np.uint8)}

    def set_state(self, state):
        """Restores what `get_state` returned; older runs have none and keep the files just found.

        Raises InputError for a file that has changed.
        """
        if "files" not in state:
            return
        files, digests, gone = json.loads(bytes(state["files"]))
        self._files = [[[self.path(name) for name in names] for names in lists] for lists in files]
        self._digests = {self.path(name): digest for name, digest in digests.items()}
        self._gone = set(map(self.path, gone))
        comm.from_root(self._check)

    def _check(self):
        for path, digest in self._digests.items():
            if path not in self._gone and digest_if_there(path) not in (digest, None):
                raise InputError(f"--pool {path}: is not what it was when the run began; put it "
                                 "back, or delete it to resume without it")

    def name(self, path):
        """What a checkpoint calls a file: its path in `save_dir`, for others the absolute path."""
        name = os.path.relpath(path, self._save_dir)
        return os.path.abspath(path) if name.startswith(os.pardir) else name

    def path(self, name):
        """The file of a `name`."""
        return os.path.join(self._save_dir, name)


def digest_if_there(path):
    """A file's digest; None if it cannot be read."""
    try:
        return file_digest(path)
    except OSError:
        return None
