"""A seventh game made from the parts: tag. agent0 is it and has 300 steps to catch agent1."""

import numpy as np

from gym_compete import Game, register
from gym_compete.bodies import ANT


class TagAnts(Game):
    """A red ant chases a blue one."""

    name, env_id = "tag-ants", "tag-ants-v0"
    bodies, starts = (ANT, ANT), ((-2, 0, 0.75), (2, 0, 0.75))
    timestep = 0.01
    endings = ("", "tagged", "not finite", "time-out")
    options = {**Game.options, "max_episode_steps": 300}

    def distance(self):
        """Meters between the two, [N]."""
        one, other = self.seats
        return np.hypot(one.x - other.x, one.y - other.y)

    def dense(self, seat, ac):
        """agent0 wants to be near, agent1 far away; both pay for their effort."""
        wish = (-1, 1)[seat.index] * self.distance()
        self.reward_move[seat.index] = self.effort(seat, ac) + wish
        self.down[seat.index] = seat.z < seat.body.down

    def judge(self):
        """Within a meter is caught."""
        self.end(self.distance() < 1, "tagged", (1000, -1000), winner=0)
        self.end(self.steps >= self.max_episode_steps, "time-out", (-1000, 1000), winner=1)


register(TagAnts)
