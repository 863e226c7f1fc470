"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

import contextlib
import os
import signal
import sys
import threading


class Interrupts:
    """`asked` becomes true at the first signal, and `code` is then the exit code for it.

    A context manager around work that should end in good order. Files are written whole or not at
    all, so the second signal's abrupt end does no harm.
    prints: whether this process prints a message (rank 0 does); task: the work that is finished
    first, for the message.
    """

    def __init__(self, prints=True, task="finishing this iteration, then stopping"):
        self.asked, self.code = False, 128 + signal.SIGINT
        self._prints, self._task, self._kept = prints, task, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._kept[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_):
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def check(self, *_):
        """Raises KeyboardInterrupt after a signal; call it where stopping is safe."""
        if self.asked:
            raise KeyboardInterrupt

    def _handle(self, number, _):
        if self.asked:
            os._exit(128 + number)
        self.asked, self.code = True, 128 + number
        if self._prints:
            with contextlib.suppress(RuntimeError):  # the signal came while stderr was written
                print(f"\n{self._task}; a second signal stops at once", file=sys.stderr, flush=True)
