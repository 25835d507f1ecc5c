"""The compiled elimination is kept on disk, and no state of that folder can stop a solve."""

import numpy as np
import pytest

from meshfree.linalg import batched_numba

numba = pytest.importorskip("numba")


def of_ones(kernel, polynomials, right, weights, sound, lanes, unsound):
    weights[:] = 1.0
    sound[:] = True


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The user's cache folder, and something to compile in no time."""
    monkeypatch.setattr(batched_numba, "_solve_all", of_ones)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "meshfree" / "numba"


def compiled():
    """As in another process."""
    solve_all = batched_numba._compiled.__wrapped__()
    return solve_all, sum(solve_all.stats.cache_hits.values())


def kept(folder):
    return sorted(path.suffix for path in folder.rglob("*") if path.is_file())


def test_what_was_compiled_is_found_again(folder):
    assert compiled()[1] == 0
    assert kept(folder) == [".nbc", ".nbi"]
    assert compiled()[1] == 1
    assert numba.config.CACHE_DIR == ""


def test_numbas_own_setting_goes_first(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "asked"))
    compiled()
    assert kept(tmp_path / "asked") == [".nbc", ".nbi"] and kept(folder) == []


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_files_are_replaced(folder, suffix):
    compiled()
    (damaged,) = folder.rglob(f"*{suffix}")
    damaged.write_bytes(damaged.read_bytes()[:40])
    solve_all, hits = compiled()
    weights = np.empty((1, 1, 1))
    solve_all(np.ones((1, 1)), np.ones((1, 1, 1)), np.ones((1, 2, 1)), weights, np.empty(1, dtype=bool), 1, 1.0)
    assert weights == 1.0 and hits == 0
    compiled()
    assert compiled()[1] == 1


def test_without_a_folder_it_is_compiled_every_time(folder, monkeypatch):
    def nowhere(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.makedirs", nowhere)
    assert compiled()[1] == compiled()[1] == 0
    assert kept(folder) == []
