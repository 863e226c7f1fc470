"""Recorded matches in MuJoCo's window, in real time, with keys for pause, speed and next match."""

import sys

from tqdm import tqdm

from common.command_line import InputError
from gym_compete import RenderingError, Viewer
from gym_compete.rendering import DisplayError
from viewing.recording import RecordedMatch

# GLFW's codes of keys that do nothing important in MuJoCo's viewer.
PAUSE, SLOWER, FASTER, NEXT = ord(" "), ord("-"), ord("="), 257
KEYS = "space: pause   -: slower   =: faster   enter: next match"
SPEEDS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4)
POLL = 0.05  # how often a paused window looks for keys [s]
FREEZE = 2.0  # how long a match's end stays [s]


class Show:
    """A window that shows one match after the other.

    game: a `Game` with the matches' options; camera: a `Camera`. `is_open` until the window is
    closed. Raises InputError if it cannot be opened.
    """

    def __init__(self, game, camera):
        try:
            self._viewer = Viewer(game, camera)
        except DisplayError:
            raise InputError("--watch: needs a display and found none: set DISPLAY, or film the "
                             "matches without one: --video FILE.mp4") from None
        except RenderingError as error:
            raise InputError(f"--watch: {error}") from None
        self._game, self._wins, self._ties = game, [0, 0], 0
        self._speed, self._paused = SPEEDS.index(1), False

    @property
    def is_open(self):
        """Whether the window is still there."""
        return self._viewer.is_open

    def show(self, recording, on_frame=None):
        """Shows one match until its end, until enter is pressed or the window is closed.

        on_frame: called for every picture.
        """
        match, steps = RecordedMatch(recording, self._game), len(recording)
        step, frozen, ended, over = 0, 0.0, "", False
        while self.is_open and frozen < FREEZE and not over:
            if on_frame:
                on_frame()
            match.seek(step)
            if step == steps and not ended:
                ended = self._count(recording)
            seconds = POLL if self._paused or ended else match.game.dt / SPEEDS[self._speed]
            over = self._press(self._paint(seconds, self._text(recording, step, ended)))
            if ended and not self._paused:
                frozen += seconds
            step += not (self._paused or ended)
        if not ended:
            self._count(recording)

    def _paint(self, seconds, text):
        """Paints and returns the key; a window that breaks down counts as closed."""
        try:
            return self._viewer.paint(seconds, text)
        except RenderingError as error:
            tqdm.write(f"--watch: {error}", file=sys.stderr)  # above a progress bar
            self.close()
            return 0

    def _press(self, key):
        """Handles a key; returns whether it means the next match."""
        if key == PAUSE:
            self._paused = not self._paused
        elif key in (SLOWER, FASTER):
            faster = 1 if key == FASTER else -1
            self._speed = min(max(self._speed + faster, 0), len(SPEEDS) - 1)
        return key == NEXT

    def _count(self, recording):
        result = recording.header["result"]
        if result["winner"] is None:
            self._ties += 1
        else:
            self._wins[result["winner"]] += 1
        return recording.outcome

    def _text(self, recording, step, ended):
        names, speed = recording.players, SPEEDS[self._speed]
        how = "paused" if self._paused else f"speed {speed:g}"
        return "\n".join([
            f"red   {names[0]}: {self._wins[0]}",
            f"blue  {names[1]}: {self._wins[1]}",
            f"ties: {self._ties}",
            f"match {recording.header['number']}   {step * self._game.dt:.2f} s   {how}",
            *([ended] if ended else []), KEYS])

    def close(self):
        """Closes the window."""
        self._viewer.close()
