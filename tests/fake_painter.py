"""Stands for the process that draws."""

import numpy as np

WINDOW_BYTES = 24  # a window answers three numbers, a frame has other sizes


class FakePainter:
    """Keeps what it is asked to show; answers with black frames or with what a window says.

    requests: all of them; open: 1 while the window is, 0 once the viewer has closed it, None after
    `close`.
    """

    def __init__(self, *_):
        self.requests, self.open = [], 1.0

    def ask(self, request, size, tail=b""):
        """Draws nothing; size: of the answer in bytes."""
        self.requests.append(request)
        return np.array([self.open, 2.0, 0.0]).tobytes() if size == WINDOW_BYTES else bytes(size)

    def close(self):
        """Ends it."""
        self.open = None
