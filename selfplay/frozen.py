"""The frozen copies in a run: whose older version each of them is, and which matches it plays."""

import os

import numpy as np

from distributed_data import comm
from distributed_data.variables import FlatVariables

FROM_POOL = "pool/"  # before the names of the pool's files; a run's own are in agent0/ and so on


class FrozenCopies:
    """Gives every match one opponent, from its first step to its last (paper, section 4.2).

    The copies of a group (`seating.seat_players`) share its matches. A match stays with its copy;
    the next one goes to the group's open copy, which is the one drawn last. At the start of an
    iteration, at most one copy of a group that has no match left draws another version, and is the
    open one from then on.

    players: the frozen `Player`s, none if nobody plays an older version; seatings: their
    `Seating`s; num_envs: the rank's matches; directory: of the run; priorities: `Priorities` that
    count the results, or None; pool: `Pool` of other runs' files, or None. Make it before the
    graph is finalized.
    """

    def __init__(self, players, seatings, num_envs, directory, priorities=None, pool=None):
        self.players, self.seatings, self._directory = players, seatings, directory
        self._priorities, self._pool = priorities, pool
        self._flats = [FlatVariables(player.policy.get_variables()) for player in players]
        groups = list(dict.fromkeys(seating.group for seating in seatings))
        self._group = np.array([groups.index(seating.group) for seating in seatings], int)
        self._open = np.array([np.flatnonzero(self._group == g)[-1] for g in range(len(groups))],
                              int)
        self._paths = [""] * len(players)  # what each copy holds, "" before its first draw
        self._copy = np.full(num_envs, -1)  # which copy plays each match, -1 if none does
        for k, player in enumerate(players):
            self._copy[player.places[0][1]] = k
        self._met = np.zeros(num_envs, int)  # how many opponents each match has had so far
        self._finished = []  # the same of the matches that have ended in this iteration

    def renew(self, sess, snapshots, rng, delta):
        """Draws for the copies whose matches are over; all ranks call it before each iteration.

        rng, delta: as `snapshots.Snapshots.draw` takes them.
        """
        due = self._due()
        drawn = snapshots.draw(rng, delta, [self.seatings[k].rivals for k in due],
                               [self.seatings[k].group[1] for k in due])
        for k, (path, vector) in zip(due, drawn):
            player = self.players[k]
            self._flats[k].set(sess, vector)
            self._paths[k], self._open[self._group[k]] = path, k
            player.state[:] = player.policy.zero_state  # another network's memory means nothing
            self._met[self._copy == k] += 1
        snapshots.hold([self._paths[k] for k, player in enumerate(self.players)
                        if player.width or k in due])

    def _due(self):
        due = []
        for group in range(len(self._open)):
            members = np.flatnonzero(self._group == group).tolist()
            undrawn = [k for k in members if not self._paths[k]]
            idle = [k for k in members if not self.players[k].width]
            due += undrawn or idle[:1]
        return due

    def restart(self, done, winners=None):
        """Gives the matches that begin to their groups' open copies.

        done: mask [num_envs] of those that have just ended. winners [num_envs]: the seats that won
        them, -1: nobody; only priorities need them.
        """
        begun = np.flatnonzero(done & (self._copy >= 0))
        if not len(begun):
            return
        if self._priorities:
            self._note(begun, winners)
        self._finished += self._met[begun].tolist()
        self._met[begun] = 1
        groups = self._group[self._copy[begun]]
        moved = self._copy[begun] != self._open[groups]
        self._copy[begun] = self._open[groups]
        for group in np.unique(groups[moved]):
            self._reseat(np.flatnonzero(self._group == group))

    def _note(self, matches, winners):
        """Records these matches' scores, and against which file, in the priorities."""
        for copy, winner in zip(self._copy[matches].tolist(), winners[matches].tolist()):
            seating, path = self.seatings[copy], self._paths[copy]
            seat, learner = seating.group
            if path:
                score = 0.5 if winner < 0 else float(winner != seat)
                self._priorities.note(learner, seating.rivals, path, score)

    def _reseat(self, members):
        """Seats a group's copies as `_copy` says; each match keeps its recurrent state."""
        players = [self.players[k] for k in members]
        memory = np.zeros((len(self._copy), players[0].state.shape[1]), np.float32)
        for player in players:
            memory[player.places[0][1]] = player.state
        for k, player in zip(members, players):
            matches = np.flatnonzero(self._copy == k)
            player.reseat(matches, memory[matches])

    def figures(self):
        """The log's part: how many opponents the matches that finished had, on average.

        NaN if none against an older version has finished on any rank. Call it once per iteration.
        """
        if not self.players:
            return {}
        total, matches = comm.allsum([sum(self._finished), len(self._finished)])
        self._finished = []
        return {"run/opponents_per_game": total / matches if matches else float("nan")}

    def get_state(self):
        """Each copy's matches, file and recurrent states: {name: array}; for a `Checkpointer`."""
        paths = [path and self._name(path) for path in self._paths]
        return {"copy": self._copy, "open": self._open, "met": self._met,
                "paths": np.array(paths, str),
                **{f"state{k}": player.state for k, player in enumerate(self.players)}}

    def set_state(self, state):
        """Restores what `get_state` returned except the parameters, which `load` reads.

        A run that is older than this part has none: then all copies are drawn.
        """
        if not state:
            return
        for mine, name in ((self._copy, "copy"), (self._open, "open"), (self._met, "met")):
            mine[:] = state[name]
        self._paths = [name and self._path(name) for name in state["paths"].tolist()]
        for k, player in enumerate(self.players):
            player.reseat(np.flatnonzero(self._copy == k), np.array(state[f"state{k}"]))

    def _name(self, path):
        """What the checkpoint calls a file, as the run and the pool's runs may move."""
        if self._pool and path in self._pool:
            return os.path.join(FROM_POOL, self._pool.name(path))
        return os.path.relpath(path, self._directory)

    def _path(self, name):
        """The file of a `_name`; in older checkpoints it is always relative to the run."""
        if self._pool and name.startswith(FROM_POOL):
            return self._pool.path(name.removeprefix(FROM_POOL))
        return os.path.normpath(os.path.join(self._directory, name))

    def load(self, sess, snapshots):
        """Reads the copies' files again, after `set_state`; all ranks must call it.

        Only copies with matches need theirs. One whose file is missing draws another version.
        """
        held = [k for k, player in enumerate(self.players) if player.width and self._paths[k]]
        for k, vector in zip(held, snapshots.reload([self._paths[k] for k in held])):
            if vector is None:
                self._paths[k] = ""
            else:
                self._flats[k].set(sess, vector)
