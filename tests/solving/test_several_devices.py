"""Dense equations on four virtual devices of one CPU, in a process of their own, beside one device."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import meshfree as mf

SCRIPT = Path(__file__).with_name("on_four_devices.py")
ILL = "rank-deficient"


def environment(count: int) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={count} {os.environ.get('XLA_FLAGS', '')}"
    return {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(Path(mf.__file__).parents[1])}


def on_four_devices(*names: str) -> dict:
    done = subprocess.run(
        [sys.executable, SCRIPT, *names], capture_output=True, text=True, env=environment(4), timeout=1200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found():
    return on_four_devices("solutions", "shares", "refusals")


@pytest.fixture(scope="module")
def dear():
    return on_four_devices("more_solutions", "derivatives", "batches")


def test_solutions_are_those_of_one_device(found):
    check_solutions(found["solutions"])


def test_more_solutions_are_those_of_one_device(dear):
    check_solutions(dear["more_solutions"])


def check_solutions(found):
    for name, of in found.items():
        one, four = of["told"]
        assert of["apart"] < (1e-5 if name == ILL else 1e-9), name
        assert of["device"] == ["cpu", "4 × cpu"]
        assert abs(one[0] - four[0]) <= (3 if name == ILL else 0), name
        assert one[1:3] == four[1:3]
        assert abs(one[3] - four[3]) <= 1
        if "least squares" in name or "fields" in name:
            np.testing.assert_allclose(*of["residuals"], rtol=1e-6)
            np.testing.assert_allclose(*of["off_nodes"], rtol=1e-6)


def test_no_device_holds_the_whole_matrix(found):
    shares = found["shares"]
    for name, sizes in shares["of each"].items():
        assert sizes == [shares["whole"][name] // 4] * 4, name
    assert shares["rows"] == shares["shape"][0]  # the others are zero
    assert not shares["gathered"]  # nor has one when the rows are made


def test_derivatives_are_those_of_one_device(dear):
    of = dear["derivatives"]
    np.testing.assert_allclose(of["reverse"], of["one"], rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(of["forward"], of["reverse"], rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(of["reverse"], of["differences"], rtol=1e-5)


def test_batches_are_what_one_device_finds_one_after_the_other(dear):
    of = dear["batches"]
    assert max(of["apart"]) < 1e-8
    assert of["devices"] == ["4 × cpu"] * 3 + ["2 × cpu"] * 2
    for (steps, rank), (steps_alone, rank_alone) in zip(of["told"], of["told one"], strict=True):
        assert rank == rank_alone
        assert abs(steps - steps_alone) <= 1  # the last may be one of rounding
    for run in ("search", "scan"):
        np.testing.assert_allclose(*of[run], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("more than there are", "ValueError: devices must be from 1 to 4, as many as JAX has here"),
        ("none", "got 0"),
        ("negative", "got -1"),
        ("twice", "ValueError: devices must be different devices of JAX"),
        ("text", "TypeError: .* needs an integer or a list of JAX's devices as devices; got 'four'"),
        ("sparse", "ValueError: devices share the rows of a dense matrix, and Stencils.* or drop devices="),
        ("lu", "ValueError: several devices factor by QR, and solver='svd' is not known"),
        ("process", "ValueError: GaussianProcess.* is solved by Cholesky, on one device: drop devices="),
        ("no space", "ValueError: points=, weights=, solver=, petsc= and devices= are for a space of your own"),
        ("no scan", "ValueError: devices= share the values of a scan, and there is none"),
        ("sparse scan", "ValueError: devices share a scan where the equations are dense"),
        ("memory", "MemoryError: .* 4 × cpu can have"),
        ("loose", "NotUniqueError: the system is singular: u = 1 satisfies every homogeneous equation"),
        ("swept", "ValueError: there are 2 problems and 3 spaces"),
    ],
)
def test_what_several_devices_cannot_do_is_said(found, name, text):
    assert re.search(text, found["refusals"][name]), found["refusals"][name]
