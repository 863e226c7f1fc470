"""You shall not pass: a walker wants to cross a line, a blocker wants to stop it."""

import numpy as np

from gym_compete.bodies import HUMANOID
from gym_compete.games.game import GOAL_REWARD, Game

# The rules: docs/games.md, sections "dense reward" and "competition reward".
BLOCKER, WALKER = 0, 1
GOAL = -4.0  # x of the walker's line [m]
BLOCKER_DOWN = 0.5  # heights [m]
FALLEN = 0.3


class YouShallNotPass(Game):
    """agent1 walks to x = -4, agent0 blocks it."""

    name, env_id = "you-shall-not-pass", "you-shall-not-pass-humans-v0"
    bodies, starts = (HUMANOID, HUMANOID), ((-1, 0, 1.4), (1, 0, 1.4))
    endings = ("", "touchdown", "walker fell", "not finite", "time-out")
    achievements = ("touchdown",)
    options = {**Game.options, "dense_gap": 0.0}

    def dense(self, seat, ac):
        """The walker races; the blocker pays for effort and, with `dense_gap`, for its distance."""
        if seat.index == WALKER:
            self.reward_move[WALKER] = self.race(seat, ac, GOAL)
            self.down[WALKER] = seat.z < seat.body.down
        else:
            self.reward_move[BLOCKER] = self.effort(seat, ac) + self.gap(seat)
            self.parts[BLOCKER]["reward_forward"] = np.zeros(self.num_envs)
            self.down[BLOCKER] = seat.z <= BLOCKER_DOWN

    def potential(self, seat):
        """The walker's progress from its start to the line; the negative of it for the blocker."""
        start = self.starts[WALKER][0]
        return (1 if seat.index == WALKER else -1) * (start - self.seats[WALKER].x) / (start - GOAL)

    def judge(self):
        """Touchdown, then the walker's fall, then the time limit, which is a rule of the game."""
        blocker, walker = self.seats
        across = walker.com[:, 0] < GOAL
        # Paid after the environment's own sum was taken, so only `reward_move` has it.
        self.reward_move[BLOCKER] += np.where(across, 0.0, np.abs(walker.x - GOAL))
        self.end(across, "touchdown", (-GOAL_REWARD, GOAL_REWARD), winner=WALKER)
        prize = np.where(blocker.z > FALLEN, GOAL_REWARD, 0.0)
        self.end(walker.z <= FALLEN, "walker fell", (prize, -GOAL_REWARD), winner=BLOCKER)
        self.end(self.steps >= self.max_episode_steps, "time-out", (0.0, -GOAL_REWARD),
                 winner=BLOCKER)
