"""The learners' opponents: their history, that of other runs too, or one fixed outsider.

Each class has the same methods, in the order in which a run calls them.
"""

from distributed_data.variables import FlatVariables
from networks.loading import build_policy
from selfplay.checkpoint import Unchanged
from selfplay.frozen import FrozenCopies
from selfplay.seating import seat_outsider, seat_players


class History:
    """The learners' older versions, beside the current ones.

    latest_share: share of the matches that have current learners on both sides; count: older
    versions that a worker holds at a time; see `seating.seat_players`. priorities: `Priorities` by
    which they are drawn, or None for equal chances.
    """

    outsider_seat, pool, pool_share = None, None, 0.0

    def __init__(self, latest_share, count, priorities=None):
        self._latest_share, self._count, self.copies = latest_share, count, None
        self.priorities = priorities

    def seat(self, num_envs, shared, ensemble):
        """All `Seating`s, the learners' first. InputError if the matches do not divide."""
        return seat_players(num_envs, self._latest_share, self._count, shared, ensemble)

    def build(self, seatings, first, policy_fn, env, directory):
        """Makes networks for the frozen seatings; returns the `Player`s.

        first: the number of learners, from which names are counted; directory: of the run.
        """
        players = [seating.player(policy_fn(f"opp{k}", seating.seat, None))
                   for k, seating in enumerate(seatings, first)]
        self.copies = FrozenCopies(players, seatings, env.num_envs, directory, self.priorities,
                                   self.pool)
        return players

    def start(self, sess):
        """Loads parameters that never change; a history has none."""

    def parts(self):
        """Parts of the checkpoint that are the same on every rank: {name: part}."""
        return {"priorities": self.priorities} if self.priorities else {}

    def load(self, sess, snapshots):
        """Reads parameters again, after the checkpoint has been restored; all ranks call it."""
        self.copies.load(sess, snapshots)

    def remark(self):
        """A line for the user about more older versions being held than asked for, or ""."""
        held = len(self.copies.players)
        return "" if held <= self._count else (
            f"--old-versions {self._count}: {held} older versions are held, two for each seat and "
            "learner")

    def renew(self, sess, snapshots, rng, delta):
        """Replaces opponents whose matches are over, before each iteration; all ranks call it.

        rng, delta: see `snapshots.Snapshots.draw`. Returns files that are no longer drawn.
        """
        self.copies.renew(sess, snapshots, rng, delta)
        return []

    def figures(self):
        """Counts the matches' results and returns the log's part; all ranks, once per iteration."""
        figures = self.copies.figures()
        if self.priorities:
            self.priorities.count()
            figures |= self.priorities.figures()
        return figures

    def get_state(self):
        """This rank's part of the checkpoint: {name: array}."""
        return self.copies.get_state()

    def set_state(self, state):
        """Restores what `get_state` returned."""
        self.copies.set_state(state)


class HistoryAndPool(History):
    """The same, but a share `pool_share` of the older versions is from a `Pool` of other runs."""

    def __init__(self, latest_share, count, pool, pool_share, priorities=None):
        super().__init__(latest_share, count, priorities)
        self.pool, self.pool_share = pool, pool_share

    def parts(self):
        """The pool's files must stay what they are."""
        return {"pool": self.pool, **super().parts()}

    def renew(self, sess, snapshots, rng, delta):
        """As `History.renew`; files of the pool may have been lost."""
        super().renew(sess, snapshots, rng, delta)
        return self.pool.lost()


class Outsider:
    """One opponent that never changes and has a seat in every match.

    outsider_seat: 0 or 1; entry: `networks.loading.ParameterFile` of its file.
    """

    copies, pool, pool_share, priorities = None, None, 0.0, None

    def __init__(self, seat, entry):
        self.outsider_seat, self._entry = seat, entry

    def seat(self, num_envs, shared, ensemble):
        """The one learner's `Seating`, then its own; there is no ensemble."""
        return seat_outsider(num_envs, self.outsider_seat, shared)

    def build(self, seatings, first, policy_fn, env, directory):
        """Makes its network; see `History.build`."""
        players = [seating.player(build_policy(self._entry, "outsider", env, seating.seat))
                   for seating in seatings]
        self._flat = FlatVariables(players[0].policy.get_variables())
        return players

    def start(self, sess):
        """Loads its file's parameters."""
        self._flat.set(sess, self._entry.vector)

    def parts(self):
        """Its file must stay what it is."""
        return {"outsider": Unchanged(f"--opponent {self._entry.path}", self._entry.vector)}

    def load(self, sess, snapshots):
        """Does nothing: its parameters never change."""

    def remark(self):
        """Returns "": nothing needs saying."""
        return ""

    def renew(self, sess, snapshots, rng, delta):
        """Does nothing: nobody is drawn. Returns no lost files."""
        return []

    def figures(self):
        """Returns {}: there is nothing to log."""
        return {}

    def get_state(self):
        """Returns {}: the rollouts save its memory."""
        return {}

    def set_state(self, state):
        """Does nothing, see `get_state`."""
