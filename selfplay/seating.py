"""Who plays whom: the learners' names and seats, their frozen opponents, and what those may be."""

from dataclasses import dataclass

import numpy as np

from common.command_line import InputError
from utils import Player


@dataclass(frozen=True)
class Seating:
    """Where one player sits, before it has a policy.

    places: list of (seat, matches: a slice or an array); seat: the one that its network is built
    for. learner: its index among the learners, None if it is frozen. A frozen player of older
    versions has a group, (its seat, the learner it meets), and rivals, the learners whose older
    versions it may be.
    """

    places: list
    seat: int
    learner: int = None
    group: tuple = None
    rivals: tuple = ()

    def player(self, policy):
        """The `Player` who sits there."""
        return Player(policy, self.places, learner=self.learner)


def learner_names(shared, ensemble=1, outsider_seat=None):
    """Names of the learners in order, which are also those of their snapshots' folders.

    agent0 and agent1, one per seat; only agent0 if one learner plays both seats (`shared`);
    agent0a, agent0b, ... in an ensemble; only the other seat's if an outsider holds one.
    """
    if outsider_seat is not None:
        return ["agent0" if shared else f"agent{1 - outsider_seat}"]
    members = [""] if ensemble == 1 else [chr(ord("a") + m) for m in range(ensemble)]
    return [f"agent{seat}{m}" for seat in ((0,) if shared else (0, 1)) for m in members]


def pairings(shared, ensemble=1):
    """All pairs (learner in seat 0, learner in seat 1) of current learners.

    A learner that plays both seats also meets itself (paper, section 5.5.2).
    """
    members, first = range(ensemble), 0 if shared else ensemble
    return [(a, first + b) for a in members for b in members]


def seat_players(num_envs, latest_share, opponents, shared, ensemble=1):
    """Decides who sits where, the same in all workers; returns a list of `Seating`, learners first.

    The first `latest_share` of the matches have current learners on both sides: all learners
    equally often, and all pairings, to within one match. The others are divided into `opponents`
    slices, even ones with an older version in seat 1 and odd ones in seat 0, each against one
    learner, all learners equally often. Frozen players with the same `group`, a pair of their
    `seat` and the learner they meet, share the matches of their slices (see
    `frozen.FrozenCopies`); there are at least two. Their `rivals` are the learners whose older
    versions they may be.
    """
    latest, pairs = round(latest_share * num_envs), pairings(shared, ensemble)
    if latest % ensemble:
        raise InputError(f"--latest-share {latest_share:g}: its {latest} matches must be a "
                         f"multiple of the {ensemble} learners per seat")
    opponents = min(opponents, num_envs - latest)
    if num_envs > latest and (not opponents or opponents % (2 * ensemble)
                              or (num_envs - latest) % opponents):
        raise InputError(f"--old-versions {opponents}: must be a multiple of {2 * ensemble} that "
                         f"divides the {num_envs - latest} matches against older versions")
    count = ensemble if shared else 2 * ensemble
    places, theirs = [[] for _ in range(count)], {}
    for matches, pair in zip(_paired(latest, pairs, ensemble), pairs):
        for seat, learner in enumerate(pair):
            places[learner].append((seat, matches))
    for k, matches in enumerate(_shares(latest, num_envs, opponents)):
        seat, member = (k + 1) % 2, k // 2 % ensemble
        learner = member if shared else (1 - seat) * ensemble + member
        places[learner].append((1 - seat, matches))
        theirs.setdefault((seat, learner), []).extend(range(matches.start, matches.stop))
    copies = max(2, opponents // (2 * ensemble))
    frozen = [_frozen(group, share, pairs) for group, matches in theirs.items()
              for share in np.array_split(matches, copies)]
    return [Seating(seats, k // ensemble, learner=k) for k, seats in enumerate(places)] + frozen


def _frozen(group, matches, pairs):
    """The seating of a copy of older versions that starts with these matches."""
    seat, learner = group
    rivals = sorted({pair[seat] for pair in pairs if pair[1 - seat] == learner})
    return Seating([(seat, matches)], seat, group=group, rivals=rivals)


def seat_outsider(num_envs, seat, shared):
    """One learner against one outsider, a fixed opponent in `seat`.

    A learner that can play both seats plays half of the matches from each.
    """
    everyone, half = slice(0, num_envs), num_envs // 2
    if shared and num_envs % 2:
        raise InputError(f"--num-envs {num_envs}: must be even, for half of the matches per seat")
    places = [(0, slice(0, half)), (1, slice(half, num_envs))] if shared else [(1 - seat, everyone)]
    return [Seating(places, places[0][0], learner=0),
            Seating([(1 - place, matches) for place, matches in places], 1 - places[0][0])]


def _paired(count, pairs, ensemble):
    """Slices from 0 to `count` for the pairings; the remainder goes to whole rounds of learners."""
    least, over = divmod(count, len(pairs))
    sizes = [least + ((b - a) % ensemble < over // ensemble) for a, b in pairs]
    stops = np.cumsum(sizes).tolist()
    return [slice(stop - size, stop) for size, stop in zip(sizes, stops)]


def _shares(start, stop, count):
    """`count` equal slices of the matches from start to stop."""
    width = (stop - start) // count if count else 0
    return [slice(start + k * width, start + (k + 1) * width) for k in range(count)]
