"""Signals within the context ask for an orderly end; outside it they do what they did before."""

import os
import signal
import threading

import pytest

from common.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number, capfd):
    """Nothing is broken off: it is noted, said once, and raised where that is safe."""
    before = signal.getsignal(number)
    with Interrupts(task="counting") as interrupts:
        interrupts.check()
        assert not interrupts.asked
        os.kill(os.getpid(), number)
        assert interrupts.asked and interrupts.code == 128 + number
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(number) is before
    assert capfd.readouterr().err == "\ncounting; a second signal stops at once\n"


def test_a_silent_rank(capfd):
    """One rank prints, all stop."""
    with Interrupts(prints=False) as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupts.asked and capfd.readouterr().err == ""


def test_within_a_thread():
    """Signals belong to the main thread: elsewhere the context leaves them alone."""
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with Interrupts() as interrupts:
            seen.append((signal.getsignal(signal.SIGINT), interrupts.asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
