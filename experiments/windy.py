"""A humanoid game with one robot left, which the wind pushes."""

from functools import cache

import numpy as np

from gym_compete import find_game, register
from gym_compete.games.sumo import TOP, Sumo

EVERY, DECAY, FALLEN = 50, 0.9, 0.5  # steps, factor per step, meters over the ground
AWAY = 1000.0  # where the opponent lies [m]
UNSEEN = ("other_qpos", "offset")  # blocks of the observation that are about the opponent


@cache
def windy(game, seat, force):
    """Registers a humanoid game in which one seat is pushed and the other is gone.

    Returns its name; force: of a push at its start [N].
    """
    kind, name = find_game(game), f"{game}-seat{seat}-wind{force}"
    return register(type("Windy", (Wind, kind), {
        "name": name, "env_id": f"{name}-v0", "force": force, "seat": seat,
        "memory": (*kind.memory, "pushes", "wind")})).name


class Wind:
    """Makes a `Game` windy: a mixin that goes before it among the bases.

    seat: who is pushed; force: how hard [N].
    """

    endings = ("", "fell", "not finite", "time-out")
    seat = force = 0

    def set_up(self):
        """`pushes`: angles of a match's pushes from the way inward [N, pushes]; `wind`: the current
        force [N, 2]; `seen`: the coordinates that a racer sees as its own."""
        super().set_up()
        self.me, self.opponent = self.seats[self.seat], self.seats[1 - self.seat]
        self.in_ring = isinstance(self, Sumo)
        self.pushes = np.zeros((self.num_envs, -(-self.max_episode_steps // EVERY)))
        self.wind = np.zeros((self.num_envs, 2))
        self.seen = np.zeros_like(self.me.qpos)

    def arrange(self, i, rng, version, qpos, qvel):
        """The opponent lies far away; the pushes are drawn."""
        super().arrange(i, rng, version, qpos, qvel)
        qpos[self.opponent.qpos_slice][:2] = AWAY
        self.pushes[i], self.wind[i] = draw_pushes(rng, self.pushes.shape[1]), 0

    def blocks(self, me, other):
        """All that is about the opponent reads zero."""
        found = [(key, np.zeros_like(block) if key in UNSEEN else block)
                 for key, block in super().blocks(me, other)]
        if me is self.me and not self.in_ring:
            found[0] = ("qpos", self.seen)
        return found

    def refresh(self):
        """A racer sees itself halfway at most, so it never arrives."""
        super().refresh()
        if self.in_ring:
            self.ring[:, :, 2] = 0  # the other's way to the edge
        ahead = -np.sign(self.starts[self.seat][0])
        np.copyto(self.seen, self.me.qpos)
        self.seen[:, 0] = ahead * np.minimum(ahead * self.me.x, 0)

    def step(self, acs):
        """The wind blows, then the game takes its step."""
        self.blow()
        for data, wind in zip(self.sim.datas, self.wind):
            data.xfrc_applied[self.me.root, :2] = wind
        super().step(acs)

    def blow(self):
        """The last push decays; every `EVERY` steps there is a new one."""
        self.wind *= DECAY
        number = self.steps // EVERY
        angle = self.pushes[np.arange(self.num_envs), number % self.pushes.shape[1]]
        angle = angle + np.arctan2(-self.me.y, -self.me.x)
        new = (number > 0) & (self.steps % EVERY == 0)
        self.wind[new] = self.force * np.stack([np.cos(angle), np.sin(angle)], 1)[new]

    def judge(self):
        """A fall, or the end of the time."""
        self.end(self.me.z <= FALLEN + (TOP if self.in_ring else 0.0), "fell")
        self.end(self.steps >= self.max_episode_steps, "time-out")


def draw_pushes(rng, count):
    """Angles from the way inward [count]: half of them below a right angle, half above."""
    outward = rng.permutation(np.arange(count) % 2)
    return np.pi * outward + rng.uniform(-np.pi / 2, np.pi / 2, count)
