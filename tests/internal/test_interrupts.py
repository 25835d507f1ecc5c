"""Ctrl-C where raising it does harm, or where it would be lost."""

import signal
import threading

import pytest

from meshfree.internal.interrupts import deferred, noted


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_it_waits_and_the_second_does_not():
    with deferred() as interrupted:
        assert not interrupted()
        ctrl_c()
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_swallows_it_does_not_lose_it():
    with noted() as interrupted:
        with deferred() as inner:
            ctrl_c()
            assert inner() and not interrupted()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
        assert interrupted()


def test_handlers_of_others_and_threads_are_left_alone():
    own = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred() as interrupted:
            ctrl_c()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN and not interrupted()
    finally:
        signal.signal(signal.SIGINT, own)
    found = []

    def run():
        with deferred():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
