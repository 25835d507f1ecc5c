"""QR of rows spread over devices, here a mesh of one; `solving/test_several_devices.py` has four."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from meshfree.internal.devices import AXIS, PartitionSpec, spread
from meshfree.linalg import sharded
from meshfree.linalg.dense_host import HostQR
from meshfree.linalg.factor import factor
from meshfree.linalg.sharded import Sharded, panel_width

ZEROS = 5  # rows beside those of the matrix


def graded(m: int, n: int, decades: float, rank: int | None = None) -> np.ndarray:
    """A matrix with singular values from 1 to 10^−decades, and 0 beyond the rank."""
    random = np.random.default_rng(0)
    left, right = (np.linalg.qr(random.standard_normal((size, n)))[0] for size in (m, n))
    sizes = np.logspace(0, -decades, n)
    sizes[n if rank is None else rank :] = 0
    return left * sizes @ right.T


def placed(A: np.ndarray) -> Sharded:
    mesh = Mesh(np.array(jax.devices()[:1]), (AXIS,))
    return Sharded(spread(np.pad(A, ((0, ZEROS), (0, 0))), mesh, PartitionSpec(AXIS)), len(A), mesh)


@pytest.fixture(autouse=True)
def narrow_panels(monkeypatch):
    monkeypatch.setattr(sharded, "PANEL", 7)


CASES = {"tall": (40, 20, 3.0), "square": (23, 23, 5.0), "one column": (9, 1, 0.0)}


@pytest.mark.parametrize("name", CASES)
def test_it_solves_as_the_host_does(name):
    A = graded(*CASES[name])
    found, expected = factor(placed(A)), HostQR.of(A)
    random = np.random.default_rng(1)
    b, c = random.standard_normal((len(A), 2)), random.standard_normal((A.shape[1], 2))
    given = np.pad(b, ((0, ZEROS), (0, 0)))
    tolerance = 1e-12 * 10 ** CASES[name][2]
    for columns in (slice(None), 0):
        np.testing.assert_allclose(found.solve(given[:, columns]), expected.solve(b[:, columns]), rtol=tolerance)
        transposed = np.asarray(found.solve_transposed(c[:, columns]))
        np.testing.assert_allclose(transposed[: len(A)], expected.solve_transposed(c[:, columns]), rtol=tolerance)
        assert not transposed[len(A) :].any()
    normal = np.linalg.solve(A.T @ A, c)
    np.testing.assert_allclose(found.solve_normal(c), normal, rtol=1e-9 * 10 ** CASES[name][2])
    assert found.rank() == A.shape[1]
    assert 0.2 < found.condition() / expected.condition() < 5


def test_what_is_below_the_truncation_is_left_out():
    A = graded(40, 20, 1.0, rank=9)
    found, b = factor(placed(A)), A @ np.ones(20)
    x = np.asarray(found.solve(np.pad(b, (0, ZEROS))))
    assert found.rank() == 9
    assert np.sum(x != 0) == 9  # the basic solution
    np.testing.assert_allclose(A @ x, b, atol=1e-13)
    y = np.asarray(found.solve_transposed(A.T @ np.ones(40)))[:40]
    np.testing.assert_allclose(A.T @ y, A.T @ np.ones(40), atol=1e-12)


def test_the_factor_is_that_of_the_matrix():
    A = graded(60, 30, 8.0)
    found = factor(placed(A))
    kept, q = np.asarray(found.kept), np.asarray(found.q)
    np.testing.assert_allclose(q[:, kept].T @ q[:, kept], np.eye(30), atol=1e-13)
    np.testing.assert_allclose((q @ np.asarray(found.r))[:60, :30], A, atol=1e-14)


def test_a_matrix_that_is_not_finite_has_no_finite_solution():
    A = graded(12, 6, 1.0)
    A[3, 2] = np.nan
    assert np.isnan(factor(placed(A)).solve(np.ones(12 + ZEROS))).any()


def test_a_sharded_matrix_is_used_as_a_plain_one():
    A = graded(12, 6, 1.0)
    B = placed(A)
    x = np.arange(6.0)
    assert B.shape == (12, 6)
    for found, expected in ((B, A), (abs(B), abs(A)), (B**2, A**2)):
        np.testing.assert_allclose((found @ x)[:12], expected @ x, atol=1e-15)
    assert B[:, np.array([0, 3])].shape == (12, 2)
    assert panel_width(100, 4) % 4 == 0
