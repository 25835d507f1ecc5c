"""Ctrl-C at places where raising it does harm, or where it would be lost.

Python raises KeyboardInterrupt in whatever runs: inside a callback of a compiled program it crashes the runtime later,
and inside JAX's own callbacks it is printed and ignored.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is not raised, unless it comes twice; yields a function that says whether it came."""
    came = []

    def note(*_: Any) -> None:
        came.append(True)
        if len(came) > 1:
            raise KeyboardInterrupt

    with _handling(note):
        yield lambda: bool(came)


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is raised as ever; yields a function that says whether it came, also where something has swallowed it."""
    came = []

    def note(*_: Any) -> None:
        came.append(True)
        raise KeyboardInterrupt

    with _handling(note):
        yield lambda: bool(came)


@contextlib.contextmanager
def _handling(handler: Callable[..., None]) -> Iterator[None]:
    """With this handler in place of Python's own, or of another one of this module; others stay, as in threads."""
    before: Any = signal.getsignal(signal.SIGINT)
    replaceable = before is signal.default_int_handler or getattr(before, "__module__", None) == __name__
    if not replaceable or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
