"""Sparse factorisations: one table of solvers, every property over all of them."""

import gc
import importlib.metadata
import os
import sys

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial import cKDTree

from meshfree.internal import memory
from meshfree.linalg import fill, sparse_factors, sparse_solvers
from meshfree.linalg.sparse_factors import KrylovError, factor_sparse

PACKAGES = {"rslab": "rslab", "pardiso": "pypardiso", "amg": "pyamg"}
DIRECT = ("superlu", "rslab", "pardiso")
SOLVERS = (*DIRECT, "krylov", "amg", "auto")


def named(*solvers):
    """A parameter per solver, skipped where its package is missing."""
    return pytest.mark.parametrize("solver", [pytest.param(s, marks=needs(s)) for s in solvers])


def needs(solver):
    if solver not in PACKAGES:
        return ()
    try:
        __import__(PACKAGES[solver])
    except ImportError:
        return pytest.mark.skip(reason=f"{PACKAGES[solver]} is not installed")
    return ()


def stencils(size=1500, dim=2, neighbours=12, neumann=False, drift=0.0, seed=0):
    """A Laplacian on scattered nodes, diagonal largest, with unit Dirichlet rows near the boundary of the unit cube."""
    random = np.random.default_rng(seed)
    X = random.random((size, dim))
    _, near = cKDTree(X).query(X, k=neighbours)
    offsets = X[near] - X[:, None]
    distances = np.linalg.norm(offsets, axis=-1)
    weights = np.exp(-((distances / distances[:, -1:]) ** 2)) * (1 + drift * offsets[:, :, 0] / distances[:, -1:])
    weights[:, 0] -= np.sum(weights, axis=1)
    weights *= size ** (2 / dim)
    if not neumann:
        edge = np.min(np.minimum(X, 1 - X), axis=1) < 0.5 * size ** (-1 / dim)
        weights[edge] = np.eye(neighbours)[0]
    rows = np.repeat(np.arange(size), neighbours)
    A = scipy.sparse.csr_array((weights.ravel(), (rows, near.ravel())), shape=(size, size))
    A.eliminate_zeros()
    return A


def overdetermined(rows=40, columns=18, condition=1e3, seed=0):
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.standard_normal(shape))[0] for shape in [(rows, columns), (columns, columns)])
    return scipy.sparse.csr_array(left @ np.diag(np.geomspace(1, 1 / condition, columns)) @ right.T)


def right_hand_side(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


@named(*SOLVERS)
@pytest.mark.parametrize("columns", [(), (3,)], ids=["vector", "columns"])
def test_solves_and_adjoints_on_unsymmetric_stencils(solver, columns):
    A = stencils(drift=0.5)
    b, c = right_hand_side(A.shape[0], *columns), right_hand_side(A.shape[0], *columns, seed=2)
    factor = factor_sparse(A, solver)
    x, y = factor.solve(b), factor.solve_transposed(c)
    assert x.shape == y.shape == b.shape
    np.testing.assert_allclose(x, np.linalg.solve(A.toarray(), b), rtol=1e-8, atol=1e-10 * np.max(np.abs(x)))
    np.testing.assert_allclose(np.sum(x * c), np.sum(b * y), rtol=1e-9)
    z = factor.solve_normal(b)
    np.testing.assert_allclose(z, factor.solve(factor.solve_transposed(b)), rtol=1e-6, atol=1e-9 * np.max(np.abs(z)))
    assert factor.rank() == A.shape[1]


@named(*SOLVERS)
def test_three_dimensions(solver):
    A = stencils(dim=3, neighbours=20)
    b = right_hand_side(A.shape[0])
    np.testing.assert_allclose(A @ factor_sparse(A, solver).solve(b), b, atol=1e-9)


@named(*SOLVERS)
def test_badly_scaled_rows_cost_nothing(solver):
    A = stencils(600)
    scales = 10 ** np.random.default_rng(3).uniform(-8, 8, A.shape[0])
    scaled = scipy.sparse.csr_array(scipy.sparse.diags_array(scales) @ A)
    x = right_hand_side(A.shape[0])
    np.testing.assert_allclose(factor_sparse(scaled, solver).solve(scales * (A @ x)), x, rtol=1e-8, atol=1e-8)


@named(*DIRECT, "krylov", "auto")
def test_the_condition_is_that_of_numpy(solver):
    A = stencils(300)
    factor = factor_sparse(A, solver)
    exact = np.linalg.cond(A.toarray(), 1)
    assert exact / 3 <= factor.condition() <= exact * 1.001


def test_the_condition_is_infinite_where_a_solve_finds_the_matrix_singular(monkeypatch):
    factor = factor_sparse(stencils(300))
    monkeypatch.setattr(sparse_factors, "GROWTH_LIMIT", 1.0)
    assert factor.condition() == np.inf


@named(*SOLVERS)
@pytest.mark.parametrize("columns", [(), (2,)], ids=["vector", "columns"])
def test_tall_matrices_are_solved_in_least_squares(solver, columns):
    A = overdetermined()
    b, c = right_hand_side(40, *columns), right_hand_side(18, *columns, seed=2)
    factor = factor_sparse(A, solver)
    x, y = factor.solve(b), factor.solve_transposed(c)
    pseudoinverse = np.linalg.pinv(A.toarray())
    np.testing.assert_allclose(x, np.linalg.lstsq(A.toarray(), b)[0], rtol=1e-9, atol=1e-9 * np.max(np.abs(x)))
    np.testing.assert_allclose(y, pseudoinverse.T @ c, rtol=1e-9, atol=1e-9 * np.max(np.abs(y)))
    np.testing.assert_allclose(np.sum(x * c), np.sum(b * y), rtol=1e-9)
    np.testing.assert_allclose(factor.solve_normal(c), pseudoinverse @ (pseudoinverse.T @ c), rtol=1e-7)
    assert factor.rank() == 18
    assert 1e3 / 3 < factor.condition() < 1e3 * 18


@named(*DIRECT)
@pytest.mark.parametrize("condition", [1e6, 1e8, 1e10, 1e12])
def test_least_squares_is_as_accurate_as_that_of_numpy(solver, condition):
    A, exact = overdetermined(condition=condition), right_hand_side(18)
    x = factor_sparse(A, solver).solve(A @ exact)
    assert np.linalg.norm(x - exact) < 3e-16 * 100 * condition * np.linalg.norm(exact)


def test_the_normal_equations_refuse_what_they_cannot_solve():
    A = overdetermined(condition=3e7)
    with pytest.raises((ValueError, KrylovError), match="singular"):
        factor_sparse(A, "krylov").solve(right_hand_side(40))


def test_the_normal_equations_refuse_what_refinement_does_not_mend(monkeypatch):
    solve = sparse_factors.SquareFactor.solve
    monkeypatch.setattr(sparse_factors.SquareFactor, "solve", lambda self, b: 0.5 * solve(self, b))
    with pytest.raises(ValueError, match="the third refinement still moves the solution by 6"):
        factor_sparse(overdetermined(), "krylov").solve(right_hand_side(40))


@named(*DIRECT, "auto")
def test_a_pure_neumann_problem_is_singular(solver):
    with pytest.raises(ValueError, match=r"singular to working precision: .*nothing but Neumann"):
        factor_sparse(stencils(neumann=True), solver)


@named("krylov", "amg")
def test_a_pure_neumann_problem_has_no_quiet_krylov_solution(solver):
    A = stencils(neumann=True)
    with pytest.raises((ValueError, KrylovError), match=r"singular to working precision|stalled"):
        factor_sparse(A, solver).solve(right_hand_side(A.shape[0]))


@named(*DIRECT)
def test_an_exactly_singular_matrix_is_singular(solver):
    A = scipy.sparse.csr_array(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]))
    with pytest.raises(ValueError, match=r"singular to working precision: with solver='(superlu|pardiso)'"):
        factor_sparse(A, solver)


def test_dependent_columns_of_least_squares_are_singular():
    A = overdetermined().toarray()
    A[:, 3] = A[:, 5]
    with pytest.raises(ValueError, match="singular to working precision"):
        factor_sparse(scipy.sparse.csr_array(A), "superlu")


def test_a_stalled_krylov_solve_is_an_error_with_its_history(monkeypatch):
    monkeypatch.setattr(sparse_solvers, "RESTART", 2)
    monkeypatch.setattr(sparse_solvers, "INCOMPLETE", ((0.9, 1.0), (0.5, 1.0)))
    A = stencils()
    with pytest.raises(
        KrylovError, match=r"'krylov': GMRES stalled at a relative residual of \d.*solver='pardiso'"
    ) as e:
        factor_sparse(A, "krylov").solve(right_hand_side(A.shape[0]))
    assert len(e.value.history) > 2
    assert e.value.history[0] == 1 and e.value.history[-1] > 1e-12


def test_krylov_keeps_more_of_the_factors_where_it_stalls(monkeypatch):
    monkeypatch.setattr(sparse_solvers, "RESTART", 4)
    monkeypatch.setattr(sparse_solvers, "INCOMPLETE", ((0.9, 1.0), (1e-4, 20.0)))
    A = stencils()
    b = right_hand_side(A.shape[0])
    np.testing.assert_allclose(A @ factor_sparse(A, "krylov").solve(b), b, atol=1e-9)


def test_krylov_says_that_there_is_no_incomplete_factorisation():
    A = scipy.sparse.csr_array(np.array([[1.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(KrylovError, match="no factorisation without a zero pivot"):
        factor_sparse(A, "krylov")


@named("amg")
@pytest.mark.parametrize("diagonal", [1e-3, 0.9], ids=["no hierarchy", "stalled"])
def test_multigrid_that_fails_says_what_to_use(solver, diagonal):
    A = scipy.sparse.csr_array(np.roll(np.eye(400), 1, axis=1) + diagonal * np.eye(400))
    with pytest.raises(KrylovError, match=r"solver='amg': .* Dirichlet problems of Poisson type: use solver='krylov'"):
        factor_sparse(A, solver).solve(right_hand_side(400))


class Wrong(sparse_solvers.SuperLU):
    """A solver whose answers are off by a factor that refinement cannot mend."""

    def solve(self, b):
        return -super().solve(b)

    def solve_transposed(self, b):
        return -super().solve_transposed(b)


class Failing(sparse_solvers.SuperLU):
    def __init__(self, matrix):
        raise sparse_solvers.SingularFactorError("a zero pivot")


class WrongLater(sparse_solvers.SuperLU):
    """One whose answers overflow after the first two."""

    solved = 0

    def solve(self, b):
        self.solved += 1
        return super().solve(b) if self.solved < 2 else np.full_like(b, np.inf)


@pytest.mark.parametrize("kind", [Wrong, WrongLater, Failing])
def test_a_bad_factorisation_falls_back_to_superlu(monkeypatch, kind):
    monkeypatch.setitem(sparse_solvers.SOLVERS, "rslab", kind)
    monkeypatch.setattr(sparse_factors, "PACKAGES", {})
    A = stencils()
    b = right_hand_side(A.shape[0])
    factor = factor_sparse(A, "rslab")
    np.testing.assert_allclose(A @ factor.solve(b), b, atol=1e-9)
    assert factor.solver == "superlu"


@named("pardiso")
def test_an_error_of_pardiso_falls_back_to_superlu(monkeypatch, solver):
    from pypardiso.pardiso_wrapper import PyPardisoError, PyPardisoSolver

    call = PyPardisoSolver._call_pardiso

    def fail(self, A, b):
        if self.phase == 12:
            raise PyPardisoError(-4)
        return call(self, A, b)

    monkeypatch.setattr(PyPardisoSolver, "_call_pardiso", fail)
    assert factor_sparse(stencils(300), solver).solver == "superlu"


@named("pardiso")
@pytest.mark.parametrize("condition", [1e3, 1e12], ids=["refined", "factored again"])
def test_single_precision_is_refined_or_given_up(monkeypatch, solver, condition):
    monkeypatch.setattr(sparse_solvers, "SINGLE_FROM", 1)
    n = 400
    A = scipy.sparse.csr_array(stencils(n) / abs(stencils(n)).max())
    singular = np.linalg.svd(A.toarray())
    # one direction that A all but loses: x along it is off in single precision
    weak = np.outer(singular.U[:, -1], singular.Vh[-1]) * (singular.S[0] / condition - singular.S[-1])
    A = scipy.sparse.csr_array(A.toarray() + weak)
    b = right_hand_side(n)
    factor = sparse_solvers.Pardiso(A)
    assert factor.regular == (condition < 1e6)
    for solve, matrix in ((factor.solve, A.toarray()), (factor.solve_transposed, A.toarray().T)):
        x = solve(b)
        assert np.max(abs(matrix @ x - b)) <= 1e-13 * n * (np.max(abs(x)) + np.max(abs(b)))
        np.testing.assert_allclose(x, np.linalg.solve(matrix, b), rtol=0, atol=1e-13 * condition * np.max(abs(x)))
    assert factor._factor.dtype == (np.float32 if condition < 1e6 else np.float64)


@named("pardiso")
@pytest.mark.parametrize("limit", ["SINGLE_CONDITION", "REFINED"])
def test_single_precision_is_given_up_by_either_sign(monkeypatch, solver, limit):
    monkeypatch.setattr(sparse_solvers, "SINGLE_FROM", 1)
    monkeypatch.setattr(sparse_solvers, limit, 0.0)
    A, b = stencils(), right_hand_side(1500)
    factor = factor_sparse(A, solver)
    np.testing.assert_allclose(A @ factor.solve(b), b, atol=1e-9)
    assert factor._solver._factor.dtype == np.float64


@named("pardiso")
def test_a_singular_matrix_is_seen_in_single_precision(monkeypatch, solver):
    monkeypatch.setattr(sparse_solvers, "SINGLE_FROM", 1)
    with pytest.raises(ValueError, match="singular to working precision"):
        factor_sparse(stencils(neumann=True), solver)


def test_superlu_has_nothing_to_fall_back_to(monkeypatch):
    monkeypatch.setitem(sparse_solvers.SOLVERS, "superlu", Wrong)
    with pytest.raises(
        ValueError, match=r"singular to working precision: .* backward error is .*, expected below 1e-10"
    ):
        factor_sparse(stencils(), "superlu")


@pytest.mark.parametrize("installed", [("pardiso", "rslab"), ("rslab",), ()], ids=str)
def test_auto_takes_the_best_that_is_installed(monkeypatch, installed):
    for solver in installed:
        monkeypatch.setitem(sparse_solvers.SOLVERS, solver, sparse_solvers.SuperLU)
    monkeypatch.setattr(sparse_factors, "_installed", lambda solver: solver in (*installed, "superlu"))
    assert factor_sparse(stencils(300)).solver == "superlu"  # which is small
    monkeypatch.setattr(sparse_factors, "FEW", 0)
    assert factor_sparse(stencils(300)).solver == (*installed, "superlu")[0]
    assert factor_sparse(overdetermined()).solver == (*installed, "superlu")[0]


def test_auto_takes_krylov_where_a_direct_solver_would_not_fit(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1e4)
    monkeypatch.setattr(sparse_factors, "FEW", 0)
    A = stencils()
    b = right_hand_side(A.shape[0])
    factor = factor_sparse(A)
    assert factor.solver == "krylov"
    np.testing.assert_allclose(A @ factor.solve(b), b, atol=1e-9)
    assert factor_sparse(overdetermined()).solver == "krylov"


@named(*DIRECT)
def test_a_direct_solver_that_does_not_fit_says_so(monkeypatch, solver):
    monkeypatch.setattr(memory, "available", lambda: 1e4)
    with pytest.raises(MemoryError, match=rf"solver='{solver}' takes about .* GiB .* GiB free: use solver='krylov'"):
        factor_sparse(stencils(), solver)


@pytest.mark.parametrize("dim, neighbours, size", [(2, 12, 8000), (3, 20, 4000)])
def test_the_estimate_of_the_fill_holds(dim, neighbours, size):
    """Against SuperLU, whose ordering leaves up to twice as much as nested dissection at this size."""
    A = stencils(size, dim, neighbours)
    entries = scipy.sparse.linalg.splu(A.tocsc(), permc_spec="COLAMD").nnz
    assert 0.4 < fill.fill(A) / entries < 2


def test_the_estimate_of_the_fill_sees_through_a_dense_row_and_loose_nodes():
    A = stencils(4000)
    border = scipy.sparse.csr_array(np.ones((1, 4000)))
    loose = scipy.sparse.eye_array(5)
    bordered = scipy.sparse.block_diag([loose, scipy.sparse.block_array([[A, border.T], [border, None]])], format="csr")
    assert fill.fill(scipy.sparse.csr_array(bordered)) < 1.2 * fill.fill(A)


def test_a_full_matrix_is_filled_already():
    """As that of the coarsest level of several, where every function reaches every node."""
    A = scipy.sparse.csr_array(np.random.default_rng(0).random((200, 200)) + 200 * np.eye(200))
    assert fill.fill(A) == 200**2
    np.testing.assert_allclose(A @ factor_sparse(A).solve(np.ones(200)), 1, rtol=1e-12)


@pytest.mark.parametrize("solver, extra", [("rslab", "fast"), ("amg", "fast"), ("pardiso", "mkl")])
def test_a_missing_package_names_its_extra(monkeypatch, solver, extra):
    monkeypatch.setitem(sys.modules, PACKAGES[solver], None)
    with pytest.raises(ImportError, match=rf"needs the package {PACKAGES[solver]}: pip install 'meshfree\[{extra}\]'"):
        factor_sparse(stencils(50), solver)
    assert factor_sparse(stencils(300)).solver in set(DIRECT) - {solver}


@named("pardiso")
def test_mkl_is_found_by_the_files_of_its_distribution(monkeypatch, solver):
    """pypardiso's own search is not asked, nothing of it stays in the environment, and a path of the user's own is."""
    wrapper = pytest.importorskip("pypardiso").pardiso_wrapper
    monkeypatch.delenv("PYPARDISO_MKL_RT", raising=False)
    found = sparse_solvers._mkl_library()
    if found is None:
        pytest.skip("MKL does not come from the distribution mkl")
    monkeypatch.setattr(wrapper, "find_library", lambda name: pytest.fail("MKL was searched for"))
    assert sparse_solvers._unused_handle.__wrapped__().libmkl._name == found
    assert "PYPARDISO_MKL_RT" not in os.environ
    monkeypatch.setenv("PYPARDISO_MKL_RT", "/no/such/library.so")
    with pytest.raises(OSError, match="/no/such/library"):
        sparse_solvers._unused_handle.__wrapped__()
    assert os.environ["PYPARDISO_MKL_RT"] == "/no/such/library.so"


@named("pardiso")
def test_where_mkl_has_no_list_of_files_pypardiso_searches(monkeypatch, solver):
    wrapper, asked = pytest.importorskip("pypardiso").pardiso_wrapper, []
    monkeypatch.delenv("PYPARDISO_MKL_RT", raising=False)
    monkeypatch.setattr(importlib.metadata, "files", lambda name: None)
    monkeypatch.setattr(sparse_solvers, "_mkl_library", sparse_solvers._mkl_library.__wrapped__)
    monkeypatch.setattr(wrapper, "find_library", lambda name: asked.append(name))
    sparse_solvers._unused_handle.__wrapped__()
    assert asked[0] == "mkl_rt"


def test_an_unknown_solver_names_all():
    with pytest.raises(ValueError, match="'cg'; it is one of 'auto', 'superlu', 'rslab', 'pardiso', 'krylov', 'amg'"):
        factor_sparse(stencils(50), "cg")


def test_wide_matrices_are_refused():
    with pytest.raises(ValueError, match="2 equations for 3 unknowns"):
        factor_sparse(scipy.sparse.csr_array(np.ones((2, 3))))


def test_entries_must_be_numbers():
    with pytest.raises(ValueError, match="1 entries of the matrix are NaN or infinite, the first in row 1"):
        factor_sparse(scipy.sparse.csr_array(np.array([[1.0, 0.0], [np.nan, 1.0]])))


@pytest.mark.parametrize("rows", [3, 4])
def test_a_column_of_zeros_is_refused(rows):
    A = np.ones((rows, 3))
    A[:, 1] = 0
    with pytest.raises(ValueError, match=r"column 1 of the matrix has only zeros .* no equation contains its unknown"):
        factor_sparse(scipy.sparse.csr_array(A))


def test_a_row_of_zeros_is_refused():
    A = np.eye(3)
    A[2] = 0
    with pytest.raises(ValueError, match=r"row 2 of the matrix has only zeros .* its equation contains no unknown"):
        factor_sparse(scipy.sparse.csr_array(A))


@pytest.mark.parametrize("A", [stencils(300), overdetermined(), overdetermined(19, 18)], ids=["square", "tall", "19"])
@pytest.mark.parametrize("solver", ["superlu", "krylov"])
def test_right_hand_sides_have_as_many_rows_as_the_matrix(A, solver):
    factor = factor_sparse(A, solver)
    with pytest.raises(ValueError, match=rf"has the shape \(5,\); expected \({A.shape[0]},\) or \({A.shape[0]}, k\)"):
        factor.solve(np.ones(5))
    with pytest.raises(ValueError, match=rf"has the shape \(5,\); expected \({A.shape[1]},\)"):
        factor.solve_transposed(np.ones(5))


@named("superlu", "krylov")
def test_what_is_not_finite_stays_so(solver):
    A = stencils(300)
    assert np.all(np.isnan(factor_sparse(A, solver).solve(np.full(300, np.inf))))
    assert np.all(factor_sparse(A, solver).solve(np.zeros(300)) == 0)


def test_the_matrix_is_left_as_it_was():
    A = stencils(300)
    before = A.copy()
    factor_sparse(A).solve(np.ones(300))
    assert (A != before).nnz == 0


@named("amg")
def test_multigrid_leaves_the_global_generator_alone(solver):
    np.random.seed(7)
    expected = np.random.random()
    np.random.seed(7)
    factor_sparse(stencils(), solver)
    assert np.random.random() == expected


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@named("pardiso")
def test_pardiso_frees_its_memory(solver):
    A = stencils(4000, dim=3, neighbours=20)
    sizes = []
    for _ in range(6):
        factor_sparse(A, solver)
        gc.collect()
        with open("/proc/self/statm") as file:
            sizes.append(int(file.read().split()[1]) * 4096 / 2**20)
    assert sizes[-1] - sizes[1] < 20  # a factorisation takes more than that
