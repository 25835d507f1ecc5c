"""The one door to all factorisations."""

from __future__ import annotations

import scipy.sparse
from jaxtyping import Float

from ..internal.tracing import AnyArray, is_traced
from .bordered import Bordered
from .dense import factor_dense
from .distributed_rows import DistributedRows
from .host_factor import HostFactor, TracedFactor
from .interface import Factor
from .petsc import PetscFactor
from .repeated import Repeated, RepeatedFactor
from .sharded import Sharded, ShardedQR
from .sparse_factors import factor_sparse
from .sparse_rows import SparseRows


def factor(
    A: Float[AnyArray, "m n"] | SparseRows | Bordered | Repeated | Sharded | DistributedRows | scipy.sparse.csr_array,
    solver: str = "auto",
    *,
    traced: bool = False,
) -> Factor:
    """A factored once, to be solved with any number of times. Works under jit, vmap and grad.

    A dense array, of all fields or `Repeated` for each of them, is factored by `dense.factor_dense`, one that is
    `Sharded` by `sharded.ShardedQR` whatever the solver; sparse rows, `Bordered` by dense ones or not, and SciPy's
    sparse arrays by `sparse_factors.factor_sparse` on the host, of traced ones when the program runs: `solver`, and
    what is raised, are as there. Rows that processes share are solved by PETSc. `traced` says that right-hand sides may
    be traced though A is not, as in the derivative of a concrete call.
    """
    if isinstance(A, Repeated):
        return RepeatedFactor(factor_dense(A.matrix, solver), A.fields)
    if isinstance(A, Sharded):
        return ShardedQR.of(A)
    if isinstance(A, DistributedRows):
        return HostFactor(PetscFactor(A, solver))
    if isinstance(A, scipy.sparse.csr_array):
        return HostFactor(factor_sparse(A, solver))
    if not isinstance(A, SparseRows | Bordered):
        return factor_dense(A, solver)
    return TracedFactor.of(A, solver) if traced or is_traced(A) else HostFactor.of(A, solver)
