"""Settings of every test: float64, and no silent promotion of dtypes or broadcasting of ranks."""

import gc
import os

import counted_lines
import jax
import pytest
import typechecker
from hypothesis import settings
from slow_tests import SLOW

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Most programs run once: compiling is what takes the time.
jax.config.update("jax_disable_most_optimizations", True)
if jax.__version_info__ < (0, 11):  # later ones stop at flags that they do not know
    flags = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    os.environ["XLA_FLAGS"] = f"{flags} {os.environ.get('XLA_FLAGS', '')}"

# The first example compiles, so time says nothing; the same examples everywhere, so that CI cannot fail by chance.
settings.register_profile("meshfree", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("meshfree")


typechecker.install()

# A tenth of the time went into looking for garbage among what is imported, which there is none of.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    unknown = set(SLOW)
    for item in items:
        found = [name for name in SLOW if item.nodeid.removeprefix("tests/").startswith(name)]
        unknown.difference_update(found)
        if found:
            item.add_marker(pytest.mark.slow)
    if unknown and config.args == config.getini("testpaths"):  # all tests are here
        raise pytest.UsageError(f"tests/slow_tests.py names what is no test: {sorted(unknown)}")


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart():
    counted_lines.install()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop():
    result = yield
    counted_lines.hand_over()
    return result


@pytest.fixture
def programs_kept(monkeypatch):
    """No program is let go for want of memory maps, as it may be in a long run, so that tracing can be counted."""
    from meshfree.internal import compile_cache  # after the type checker's hook

    monkeypatch.setattr(compile_cache, "_memory_maps", lambda: (0, float("inf")))


@pytest.fixture
def coarse_pictures(monkeypatch):
    """Pictures with few triangles and colours, bodies drawn by Matplotlib, for speed."""
    from meshfree.geometry import contouring  # after the type checker's hook
    from meshfree.plots import render, scales, triangles

    monkeypatch.setattr(triangles, "VERTICES", 1500)
    monkeypatch.setattr(scales, "BANDS", 48)
    monkeypatch.setattr(contouring, "CELLS", 16)
    monkeypatch.setattr(render, "find_spec", lambda name: None)


class _Card:
    platform, device_kind = "gpu", "a card for tests"

    def __str__(self):
        return "cuda:0"

    def memory_stats(self):
        return {"bytes_limit": 2**30}


@pytest.fixture
def accelerator(monkeypatch):
    """A device that is not the host, as far as meshfree can tell; JAX computes on the CPU all the same."""
    from meshfree.internal import devices  # after the type checker's hook

    monkeypatch.setattr(devices, "default_device", _Card)
    with jax.default_matmul_precision("highest"):  # what was compiled for the host has another key
        yield
