"""The memory of this machine and the limits of the process, and what stands for them where the platform is silent."""

import resource

import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import memory

GIB = 2**30


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A machine of 64 GiB, 32 of them free, whose process uses 5 GiB and has no limits; returns a writer of files."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 16 * 2**20}.__getitem__)
    monkeypatch.setattr("resource.getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))

    write("proc/meminfo", f"MemTotal: {64 * 2**20} kB\nMemAvailable: {32 * 2**20} kB\n")
    write("proc/self/status", f"Name: python\nVmSize: {5 * 2**20} kB\nVmData: {2 * 2**20} kB\n")
    return write


def test_the_memory_is_less_than_a_terabyte_or_unknown(monkeypatch):
    assert 1e6 < memory.available() <= memory.installed()
    monkeypatch.setattr("builtins.open", lambda *_, **__: (_ for _ in ()).throw(OSError()))
    assert 1e6 < memory.available() <= memory.installed()
    monkeypatch.delattr("os.sysconf")
    monkeypatch.setattr("resource.getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert memory.available() == memory.installed() == np.inf


def test_without_limits_it_is_that_of_the_machine(fake):
    assert memory.installed() == 64 * GIB
    assert memory.available() == 32 * GIB


@pytest.mark.parametrize(("limited", "left"), [("RLIMIT_AS", 3), ("RLIMIT_DATA", 6)])
def test_limits_of_the_process_count(fake, monkeypatch, limited, left):
    of = {getattr(resource, limited): (8 * GIB, 16 * GIB)}
    monkeypatch.setattr("resource.getrlimit", lambda which: of.get(which, (resource.RLIM_INFINITY,) * 2))
    assert memory.installed() == 8 * GIB
    assert memory.available() == left * GIB


V2 = "0::/user/job\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/user/job\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "folder", "most", "used", "cache"),
    [
        (V2, "cgroup/user/job", "memory.max", "memory.current", "inactive_file"),
        (V2, "cgroup/user", "memory.max", "memory.current", "inactive_file"),
        (V2, "cgroup", "memory.max", "memory.current", "inactive_file"),
        (V1, "cgroup/memory/user/job", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        (V1, "cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
    ids=["own", "above", "container", "version 1", "version 1, container"],
)
def test_limits_of_control_groups_count(fake, groups, folder, most, used, cache):
    fake("proc/self/cgroup", groups)
    fake(f"{folder}/{most}", f"{4 * GIB}\n")
    fake(f"{folder}/{used}", f"{3 * GIB}\n")
    fake(f"{folder}/memory.stat", f"anon 5\n{cache} {GIB // 2}\n")
    assert memory.installed() == 4 * GIB
    assert memory.available() == 1.5 * GIB


@pytest.mark.parametrize(
    ("groups", "file", "unlimited"),
    [(V2, "cgroup/user/job/memory.max", "max\n"), (V1, "cgroup/memory/memory.limit_in_bytes", 2**63 - 4096)],
    ids=["version 2", "version 1"],
)
def test_a_control_group_without_a_limit_is_none(fake, monkeypatch, groups, file, unlimited):
    fake("proc/self/cgroup", groups)
    fake(file, unlimited)
    assert memory.available() == 32 * GIB
    monkeypatch.delattr("os.sysconf")
    assert memory.installed() == np.inf


def test_a_matrix_beyond_the_limit_is_refused(fake, monkeypatch):
    monkeypatch.setattr("meshfree.linalg.dense.FITS", 0)
    fake("proc/self/cgroup", V2)
    fake("cgroup/user/job/memory.max", 2**20)
    space = mf.Collocation(mf.Matern(2.5), mf.Box().cloud(0.03))
    with pytest.raises(MemoryError, match=r"a dense matrix of \d+ rows .* this process can have"):
        mf.interpolate(np.zeros(space.size), space)
