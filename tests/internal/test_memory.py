"""The memory of this machine, and what stands for it where the platform does not say."""

import numpy as np

from meshfree.internal import memory


def test_the_memory_is_less_than_a_terabyte_or_unknown(monkeypatch):
    assert 1e6 < memory.available() <= memory.installed()
    monkeypatch.setattr("builtins.open", lambda *_: (_ for _ in ()).throw(OSError()))
    assert 1e6 < memory.available() == memory.installed()
    monkeypatch.delattr("os.sysconf")
    assert memory.available() == memory.installed() == np.inf
