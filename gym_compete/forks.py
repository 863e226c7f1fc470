"""Threads and pipes do not survive a fork: in the child their owners make new ones."""

import os
import weakref

_owners = weakref.WeakSet()


def call_after_fork(owner):
    """Calls `owner.after_fork()` in every process that is forked while the owner lives."""
    _owners.add(owner)


def _call_all():
    for owner in list(_owners):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has neither this nor forks
    os.register_at_fork(after_in_child=_call_all)
