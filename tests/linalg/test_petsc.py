"""PETSc on one process: against SciPy's SuperLU, and what it says where it cannot solve."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from meshfree.internal import extras
from meshfree.linalg import petsc
from meshfree.linalg.sparse_factors import KrylovError, factor_sparse


def convection(n=30):
    """Upwind convection and diffusion on an n x n grid: not symmetric."""
    line = scipy.sparse.diags_array([-2.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    return scipy.sparse.csr_array(scipy.sparse.kronsum(line, line))


def right_hand_side(shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.fixture
def installed():
    pytest.importorskip("petsc4py", reason="petsc4py is not installed: extra petsc, and its wheels are for Python 3.12")


@pytest.mark.parametrize("options", ["", "-ksp_type bcgs -pc_type bjacobi", "-ksp_type preonly -pc_type lu"])
def test_both_solves_are_those_of_superlu(installed, options):
    A, b = convection(), right_hand_side((900, 2))
    found = factor_sparse(A, f"petsc {options}".strip())
    np.testing.assert_allclose(found.solve(b), scipy.sparse.linalg.spsolve(A.tocsc(), b), rtol=1e-10)
    np.testing.assert_allclose(found.solve_transposed(b), scipy.sparse.linalg.spsolve(A.T.tocsc(), b), rtol=1e-10)


def test_least_squares(installed):
    A = scipy.sparse.csr_array(scipy.sparse.vstack([convection(12), 0.5 * scipy.sparse.eye_array(144)]))
    b = right_hand_side(288)
    expected = np.linalg.lstsq(A.toarray(), b)[0]
    np.testing.assert_allclose(factor_sparse(A, "petsc").solve(b), expected, rtol=1e-9)


def test_a_row_with_nothing_on_its_diagonal_changes_places(installed):
    A = convection()[np.r_[1, 0, 2:900]]
    b = right_hand_side(900)
    np.testing.assert_allclose(factor_sparse(A, "petsc").solve(b), np.linalg.solve(A.toarray(), b), rtol=1e-9)


def test_what_stalls_says_how_far_it_came_and_with_what(installed):
    A = scipy.sparse.csr_array(scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(200, 200)))
    words = r"2 iterations of gmres with none leave a relative residual of \d.\de-01; expected 1e-12.*-ksp_max_it 2"
    with pytest.raises(KrylovError, match=words):
        factor_sparse(A, "petsc -pc_type none -ksp_max_it 2").solve(np.ones(200))


def test_a_singular_matrix_is_told_of(installed):
    ends = np.r_[1.0, np.full(58, 2.0), 1.0]
    A = scipy.sparse.csr_array(scipy.sparse.diags_array([-1.0, ends, -1.0], offsets=[-1, 0, 1], shape=(60, 60)))
    with pytest.raises(ValueError, match="singular to working precision: with solver='petsc'"):
        factor_sparse(A, "petsc -pc_type none").solve(np.eye(60)[0])


def test_the_true_residual_is_judged(installed):
    """PETSc says converged after one step of Richardson's iteration: it is told that a tenth is enough."""
    A, b = convection(), right_hand_side(900)
    found = factor_sparse(A, "petsc -ksp_type richardson -ksp_rtol 0.9 -pc_type sor")
    x = found.solve(b)
    assert np.linalg.norm(b - A @ x) < 1e-10 * np.linalg.norm(b)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("-ksp_typ bcgs", "has not read the options -ksp_typ"),
        ("-pc_type nonsense", "PETSc fails with the options '-pc_type nonsense'"),
        ("bcgs", "'bcgs' is no option of PETSc's"),
    ],
)
def test_options_that_are_none(installed, options, words):
    with pytest.raises(ValueError, match=words):
        factor_sparse(convection(), f"petsc {options}")


def test_options_are_of_one_factor_only(installed):
    factor_sparse(convection(), "petsc -ksp_type bcgs")
    assert factor_sparse(convection(), "petsc")._ksp.getType() == "gmres"


def test_options_belong_to_petsc():
    assert petsc.with_options("auto", "-ksp_type bcgs") == "petsc -ksp_type bcgs"
    assert petsc.with_options("superlu", "") == "superlu"
    with pytest.raises(ValueError, match="options of solver='petsc', and solver='superlu' is given"):
        petsc.with_options("superlu", "-ksp_type bcgs")


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"solver='petsc' needs the package petsc4py: pip install 'meshfree\[petsc\]'"
    ):
        factor_sparse(convection(), "petsc")
