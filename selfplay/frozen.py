"""The frozen copies in a run: whose older version each of them is, and which games it plays."""

import os

import numpy as np

from distributed_data import comm
from distributed_data.mpi_adam import FlatVariables

FROM_POOL = "pool/"  # before the names of the pool's files; a run's own are in agent0/ and so on


class FrozenCopies:
    """Gives every game one opponent, from its first step to its last (paper, section 4.2).

    The copies of a group (`seating.seat_players`) share its games. A game stays with its copy; the
    next one is played by the group's open copy, which is the one drawn last. A copy that has no
    game left is drawn anew at the start of an iteration, at most one of a group, and is the open
    one from then on.

    players: the frozen `Player`s, none where nobody plays an older version; seatings: their
    `Seating`s; num_envs: the rank's games; directory: of the run; priorities: `Priorities` that
    count the games, or None; pool: `Pool` of other runs' files, or None. To be made before the
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
        self._copy = np.full(num_envs, -1)  # which copy plays each game, -1 where none does
        for k, player in enumerate(players):
            self._copy[player.places[0][1]] = k
        self._met = np.zeros(num_envs, int)  # how many opponents each game has had so far
        self._finished = []  # the same of the games that have ended in this iteration

    def renew(self, sess, snapshots, rng, delta):
        """Draws for the copies whose games are over; all ranks call it before each iteration.

        rng, delta: as `snapshots.Snapshots.draw` takes them.
        """
        due = self._due()
        drawn = snapshots.draw(rng, delta, [self.seatings[k].rivals for k in due],
                               [self.seatings[k].group[1] for k in due])
        for k, (path, vector) in zip(due, drawn):
            player = self.players[k]
            self._flats[k].set(sess, vector)
            self._paths[k], self._open[self._group[k]] = path, k
            player.state[:] = player.policy.zero_state  # no network goes on from another's memory
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
        """Gives the games that begin, of the mask [num_envs], to their groups' open copies.

        winners [num_envs]: who won those that are over, -1: nobody; only priorities need them.
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

    def _note(self, games, winners):
        """Hands what these games' learners have scored, and against which file, to priorities."""
        for copy, winner in zip(self._copy[games].tolist(), winners[games].tolist()):
            seating, path = self.seatings[copy], self._paths[copy]
            seat, learner = seating.group
            if path:
                score = 0.5 if winner < 0 else float(winner != seat)
                self._priorities.note(learner, seating.rivals, path, score)

    def _reseat(self, members):
        """Seats a group's copies where `_copy` has them; what is remembered stays with its game."""
        players = [self.players[k] for k in members]
        memory = np.zeros((len(self._copy), players[0].state.shape[1]), np.float32)
        for player in players:
            memory[player.places[0][1]] = player.state
        for k, player in zip(members, players):
            games = np.flatnonzero(self._copy == k)
            player.reseat(games, memory[games])

    def figures(self):
        """The log's part: how many opponents this iteration's finished games have had, on average.

        NaN where no game against an older version has ended on any rank; to be called once an
        iteration.
        """
        if not self.players:
            return {}
        total, games = comm.allsum([sum(self._finished), len(self._finished)])
        self._finished = []
        return {"run/opponents_per_game": total / games if games else float("nan")}

    def get_state(self):
        """Who plays what, holds what and remembers what: {name: array}; for a `Checkpointer`."""
        paths = [path and self._name(path) for path in self._paths]
        return {"copy": self._copy, "open": self._open, "met": self._met,
                "paths": np.array(paths, str),
                **{f"state{k}": player.state for k, player in enumerate(self.players)}}

    def set_state(self, state):
        """Restores what `get_state` returned except the parameters, which `load` reads.

        Of a run that was begun without this part nothing is known: all copies are drawn.
        """
        if not state:
            return
        for mine, name in ((self._copy, "copy"), (self._open, "open"), (self._met, "met")):
            mine[:] = state[name]
        self._paths = [name and self._path(name) for name in state["paths"].tolist()]
        for k, player in enumerate(self.players):
            player.reseat(np.flatnonzero(self._copy == k), np.array(state[f"state{k}"]))

    def _name(self, path):
        """What the checkpoint calls a file: the run may move, and so may the pool's runs."""
        if self._pool and path in self._pool:
            return os.path.join(FROM_POOL, self._pool.name(path))
        return os.path.relpath(path, self._directory)

    def _path(self, name):
        """The file of a `_name`; older checkpoints call all files by the way from the run."""
        if self._pool and name.startswith(FROM_POOL):
            return self._pool.path(name.removeprefix(FROM_POOL))
        return os.path.normpath(os.path.join(self._directory, name))

    def load(self, sess, snapshots):
        """Reads the copies' files again, after `set_state`; a file that has gone is drawn for.

        Only copies with games need theirs; all ranks must call it.
        """
        held = [k for k, player in enumerate(self.players) if player.width and self._paths[k]]
        for k, vector in zip(held, snapshots.reload([self._paths[k] for k in held])):
            if vector is None:
                self._paths[k] = ""
            else:
                self._flats[k].set(sess, vector)
