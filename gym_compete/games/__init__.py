"""The games, one file for each set of rules."""

from gym_compete.games.game import NOBODY, Game
from gym_compete.games.run_to_goal import RunToGoalAnts, RunToGoalHumans

GAMES = {game.name: game for game in (RunToGoalAnts, RunToGoalHumans)}


def find_game(name):
    """Returns the `Game` subclass of a short name or a Gymnasium id; ValueError if there is none."""
    for game in GAMES.values():
        if name in (game.name, game.env_id):
            return game
    raise ValueError(f"unknown game {name!r}: must be one of {', '.join(GAMES)}")


__all__ = ["GAMES", "NOBODY", "Game", "find_game"]
