"""What every function space offers, and the functions in it."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ..geometry.cloud import Cloud
from ..geometry.refinement import coarser
from ..internal.batching import map_in_blocks
from ..internal.devices import on_host
from ..internal.printing import aligned
from ..internal.processes import Processes
from ..internal.tracing import AnyArray, as_jax, is_traced
from ..kernels import Kernel, check_coincident
from ..pde.components import WithComponents
from .partition import Partition

COARSER = 1.4  # times the spacing of a cloud that another is compared with
ENTRIES = 2**21  # values of basis functions that are made at a time


class LocalBasis(eqx.Module):
    """Functions few of which differ from zero at any point: what sparse equations are made of.

    At a point x the functions `columns` (k,) matter, and a linear functional of u at x, Σ_α g_α Dᵅu(x) with α the rows
    of `total_degree(d, order)`, is Σⱼ wⱼ c[columnsⱼ]: `weights` finds w. Every operator is such a functional.
    """

    @property
    @abc.abstractmethod
    def own_columns(self) -> Int[np.ndarray | Array, "m k"]:
        """The columns at the points of the space's own cloud, in their order."""

    @abc.abstractmethod
    def columns_at(self, X: Float[np.ndarray | Array, "m d"]) -> Int[np.ndarray | Array, "m k"]:
        """The columns at any points; under jit by one callback, without a derivative."""

    @abc.abstractmethod
    def weights(
        self,
        X: Float[np.ndarray | Array, "m d"],
        columns: Int[np.ndarray | Array, "m k"],
        functionals: Float[np.ndarray | Array, "m r J"],
        order: int,
    ) -> Float[np.ndarray | Array, "m r k"]:
        """The weights of r functionals at every point."""


class Space(eqx.Module):
    """A finite-dimensional set of functions over a cloud, with one column of coefficients per field.

    Solving, tuning and matrices know a space by these members only.
    """

    cloud: eqx.AbstractVar[Cloud]
    if TYPE_CHECKING:  # a property of most spaces and a field of stencils, which a property here would hide

        @property
        def nodes(self) -> Float[np.ndarray | Array, "m d"]:
            """Where `interpolate` gives the function its values."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """n, the number of basis functions: the unknowns of one field."""

    @property
    @abc.abstractmethod
    def local_basis(self) -> LocalBasis | None:
        """The basis in its local form, which makes the equations sparse; None where every function is global."""

    @abc.abstractmethod
    def function(self, coefficients: Float[Array, "n *f"]) -> Any:
        """The function with these coefficients, (n,) or (n, f) for f fields: of one point, and `at` many points."""

    @abc.abstractmethod
    def on(self, cloud: Cloud) -> Space:
        """A space of the same kind, with the same kernel and settings, on another cloud."""

    def levels(self) -> tuple[Space, ...]:
        """The spaces that are solved one after another, coarse to fine, each of which begins with the functions of the
        one before; the last is this one, and mostly the only one. Those of several have `Layers` as local basis.
        """
        return (self,)

    def compared(self) -> tuple[bool, Space] | None:
        """A space of the same kind whose solution tells the error of this one's, and whether it is the better of the
        two; None: none is known.
        """
        return None if self.cloud.domain is None else (False, self.on(coarser(self.cloud, COARSER)))

    if TYPE_CHECKING:

        @property
        def partition(self) -> Partition | None:
            """The shares of processes in its nodes; None where this process has them all."""

    else:
        partition = None

    def shared(self, processes: Processes) -> Space:
        """The same space, with nodes that the processes share; ValueError where it cannot be."""
        raise ValueError(
            f"several processes share the equations of Stencils, and {self.describe()} is another space: use Stencils, "
            "or start one process"
        )

    def complete(self) -> Space:
        """The same space with all that it finds on demand in it, as a file keeps it."""
        return self

    def nested(self) -> np.ndarray | None:
        """Which basis functions span a smaller space of the same kind, with which this one can be compared; None: none
        is known.
        """
        return None

    def of_nearest(
        self, points: Float[AnyArray, "n d"], smoothing: Float[AnyArray, "*n"] | None, count: int
    ) -> Space | None:
        """The space of fits to the `count` nearest of some points, with the same kernel and polynomials; None: none is
        known. `smoothing`: λ ≥ 0, for all or (n,).
        """
        return None

    @property
    def is_process(self) -> bool:
        """Whether it is a Gaussian process, whose functions are made of the equations themselves."""
        return False

    @property
    def has_rows(self) -> bool:
        """Whether the host knows the derivatives of its functions at points, without a program for their number."""
        return self.local_basis is not None

    @property
    def is_nodal(self) -> bool:
        """Whether the coefficients are the values at `nodes`, so that interpolation is no work."""
        return False

    @property
    def constant_along_normals(self) -> bool:
        """Whether on a surface its functions are constant along the normals, and no equations need to make them so."""
        return False

    @property
    def parts_with_ghosts(self) -> tuple[str, ...]:
        """The boundary parts beyond which the space has nodes, so that the equation holds on them too."""
        return ()

    def warn_of_order(self, order: int) -> None:
        """Warns where derivatives of that order do not converge as the nodes come nearer."""

    def sparsity(self, X: Float[np.ndarray | Array, "m d"]) -> dict[str, float]:
        """What solving at the points X will tell of the price of a compact support; empty without one."""
        return {}

    def describe(self) -> str:
        """The space in a phrase, for tables and messages."""
        return type(self).__name__

    def __repr__(self) -> str:
        return aligned(self.describe(), [("unknowns", f"{self.size} a field"), ("cloud", repr(self.cloud))])

    def check_dimension(self, kernel) -> None:
        """ValueError unless the kernel's scale, one number or one per dimension, fits the cloud."""
        scales = jnp.shape(getattr(kernel, "raw_scale", 0.0))
        if scales not in ((), (self.cloud.dim,)):
            raise ValueError(
                f"{kernel.describe()} has {scales[0]} scales and the cloud {self.cloud.dim} dimensions; "
                f"give one scale, or {self.cloud.dim}"
            )

    def check_scalable(self, kernel: Kernel) -> None:
        """ValueError for a kernel that has wavelengths, or coordinates, of the domain, in a space that scales it."""
        if not kernel.scalable:
            raise ValueError(
                f"{type(self).__name__} shifts and scales its kernel from place to place or level to level, and with "
                f"it the waves or the map of {kernel.describe()}, which are those of the domain: use Collocation"
            )

    def check_kernel(self) -> None:
        """ValueError, with the remedy, for a kernel that makes equations NaN; asked where they were found to be."""
        kernel = getattr(self, "kernel", None)
        if isinstance(kernel, Kernel) and not is_traced(kernel):
            check_coincident(kernel, self.cloud.dim)

    def why_not_finite(
        self, X: Float[AnyArray, "m d"], functionals: Float[AnyArray, "m r J"], order: int
    ) -> str | None:
        """Which function of the space makes functionals at points, as in `LocalBasis`, NaN or infinite, in a sentence;
        None: none is known.
        """
        return None


class GlobalSpace(Space):
    """A space by its basis functions bⱼ: u(x) = Σⱼ cⱼ bⱼ(x)."""

    @abc.abstractmethod
    def basis(self, x: Float[Array, " d"]) -> Float[Array, " n"]:
        """All basis functions at one point: (d,) -> (n,)."""

    @abc.abstractmethod
    def basis_laplacian(self, x: Float[Array, " d"]) -> Float[Array, " n"]:
        """Their Laplacians at one point, in closed form where there is one: (d,) -> (n,)."""

    @abc.abstractmethod
    def side_conditions(self) -> Float[np.ndarray | Array, "q n"]:
        """Rows that the coefficients are orthogonal to, such as moment conditions: (q, n), q = 0 for none."""

    @property
    def translated_to(self) -> Float[np.ndarray | Array, "c d"] | None:
        """The points that the first c functions are translates of one function to; None: they are no translates."""
        return None

    def rows(
        self, X: Float[np.ndarray, "m d"], functionals: Float[np.ndarray, "m r J"], order: int
    ) -> Float[np.ndarray, "m r n"]:
        """The linear functionals Σ_α g_α Dᵅ at points, α the rows of `total_degree(d, order)`, on every basis function.

        For concrete arrays, by programs that do not depend on the numbers of points and functions. Of spaces that have
        it: `has_rows`.
        """
        raise NotImplementedError

    @property
    def has_rows(self):
        # a class of a user's own that has another `basis` than its parent needs `rows` of its own, too
        owners = [next(cls for cls in type(self).__mro__ if name in vars(cls)) for name in ("rows", "basis")]
        known = owners[0] is not GlobalSpace and issubclass(*owners) and on_host()
        return known or self.local_basis is not None

    def rows_along(
        self, X: Float[np.ndarray, "m d"], functionals: Float[np.ndarray, "m r J"], order: int, direction: Any
    ) -> Float[np.ndarray, "m r n"] | None:
        """The derivative of `rows` where the space's leaves move along `direction`, which has None for those that stay.

        None where it is not known, or for leaves that it is not known for.
        """
        return None

    def values(
        self, X: Float[np.ndarray, "m d"], coefficients: Float[np.ndarray, "n *f"]
    ) -> Float[np.ndarray, "m *f"] | None:
        """Σⱼ cⱼ bⱼ at concrete points, in blocks; None where the space has no `rows`."""
        size = max(ENTRIES // self.size, 1)
        found = [np.zeros((0, *coefficients.shape[1:]))]
        for start in range(0, len(X), size):
            block = X[start : start + size]
            rows = self.rows(block, np.ones((len(block), 1, 1)), 0)
            if rows is None:
                return None
            found.append(rows[:, 0] @ coefficients)
        return np.concatenate(found)

    @property
    def nodes(self):
        return self.cloud.points

    def function(self, coefficients):
        return Expansion(self, coefficients)


def moves_kernel_only(direction: Any) -> bool:
    """Whether no leaf of a space moves but those of its kernel."""
    return len(jax.tree.leaves(direction)) == len(jax.tree.leaves(direction.kernel))


class Expansion(WithComponents):
    """u(x) = Σⱼ cⱼ bⱼ(x) on one point: (d,) -> () or (f,); its Laplacian is the space's closed form."""

    space: GlobalSpace
    coefficients: Float[AnyArray, "n *f"]

    def __call__(self, x: Float[AnyArray, " d"]) -> Float[Array, "*f"]:
        known = None if is_traced(self, x) else self._on_host(np.asarray(x)[None])
        return self.space.basis(jnp.asarray(x)) @ self.coefficients if known is None else as_jax(known[0])

    @property
    def components(self):
        return 0 if self.coefficients.ndim == 1 else self.coefficients.shape[1]

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        return self.space.basis_laplacian(x) @ self.coefficients

    def at(self, X: ArrayLike) -> Float[Array, "m *f"]:
        """u at many points: (m, d) -> (m,) or (m, f)."""
        basis, known = self.space.local_basis, None
        if is_traced(self, X):
            return _evaluate(self, jnp.asarray(X), self.space.size)
        if basis is None:
            known = self._on_host(np.asarray(X))
            return _evaluate(self, jnp.asarray(X), self.space.size) if known is None else as_jax(known)
        columns = np.asarray(basis.columns_at(np.asarray(X)))
        weights = np.asarray(basis.weights(np.asarray(X), columns, np.ones((len(columns), 1, 1)), 0))[:, 0]
        return as_jax(np.einsum("mk,mk...->m...", weights, np.asarray(self.coefficients)[columns]))

    def _on_host(self, X: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m *f"] | None:
        """None where the space cannot, or its values belong on a device."""
        if self.space.local_basis is not None or not self.space.has_rows:
            return None
        return self.space.values(X, np.asarray(self.coefficients))


@eqx.filter_jit
def _evaluate(u: Callable, X, width: int):
    return map_in_blocks(u, X, width)
