"""Run to goal: whoever first crosses the line behind the other wins."""

import numpy as np

from gym_compete.bodies import ANT, HUMANOID
from gym_compete.games.game import GOAL_REWARD, Game

# The rules: docs/games.md, sections "dense reward" and "competition reward".
GOALS = np.array([4.0, -4.0])  # x of agent0's and of agent1's line [m]


class RunToGoal(Game):
    """agent0 runs to x = +4, agent1 to x = -4.

    draw_penalty: -1000 for both if nobody scores (time-out, both down), as in the paper.
    """

    alike_seats = True
    options = {**Game.options, "draw_penalty": False}
    endings = ("", "touchdown", "both touched down", "both down", "not finite", "time-out")
    achievements = ("touchdown", "both touched down")

    def dense(self, seat, ac):
        """Progress minus effort; humanoids also pay for the distance still to go."""
        self.reward_move[seat.index] = self.race(seat, ac, GOALS[seat.index])
        self.down[seat.index] = seat.z < seat.body.down

    def judge(self):
        """Touchdown, then both down, then the time limit that this project adds."""
        across = (self.seats[0].com[:, 0] > GOALS[0], self.seats[1].com[:, 0] < GOALS[1])
        self.end(across[0] & across[1], "both touched down")
        self.end(across[0], "touchdown", (GOAL_REWARD, -GOAL_REWARD), winner=0)
        self.end(across[1], "touchdown", (-GOAL_REWARD, GOAL_REWARD), winner=1)
        draw = 2 * (-GOAL_REWARD if self.draw_penalty else 0.0,)
        self.end(self.down.all(axis=0), "both down", draw)
        self.end(self.steps >= self.max_episode_steps, "time-out", draw)

    def potential(self, seat):
        """How much nearer it is to its line than the other is to the other line."""
        return np.sign(GOALS[seat.index]) * (self.seats[0].x + self.seats[1].x) / 8

    @property
    def truncated(self):
        """The time limit is not a rule of the released game, so it truncates, unless it costs."""
        return (self.ending == self.endings.index("time-out")) & (not self.draw_penalty)


class RunToGoalAnts(RunToGoal):
    """Run to goal for ants."""

    name, env_id = "run-to-goal-ants", "run-to-goal-ants-v0"
    bodies, starts = (ANT, ANT), ((-1, 0, 0.75), (1, 0, 0.75))
    timestep = 0.01


class RunToGoalHumans(RunToGoal):
    """Run to goal for humanoids."""

    name, env_id = "run-to-goal-humans", "run-to-goal-humans-v0"
    bodies, starts = (HUMANOID, HUMANOID), ((-1, 0, 1.4), (1, 0, 1.4))
