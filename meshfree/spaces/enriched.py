"""A space with a few more functions, which know what the solution is like at a corner, a crack or a layer.

Fix, Gulati & Wakoff, On the use of singular functions with finite element approximations, J. Comput. Phys. 13 (1973)
209-228; times polynomials as in Melenk & Babuška, The partition of unity finite element method, Comput. Methods Appl.
Mech. Engrg. 139 (1996) 289-314.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..geometry.cloud import Cloud
from ..internal.batching import in_padded_blocks
from ..internal.expected import INTEGER, OF_A_POINT, Kind, expects
from ..internal.printing import shown
from ..internal.tracing import is_traced, module_of
from ..internal.watched import watch
from ..pde.jets import derivatives_at
from ..pde.leibniz import product
from ..pde.multi_indices import total_degree
from ..pde.operators import laplacian
from .base import GlobalSpace, Space
from .eigenbasis import bounding_box
from .polynomial_tail import Tail

BLOCK = 512  # points at which the functions are asked for their derivatives at a time


def _several(functions: Any) -> tuple[Callable, ...]:
    return tuple(OF_A_POINT.read(one) for one in ((functions,) if callable(functions) else functions))


_FUNCTIONS = Kind("a function of x, or several of them,", _several, anywhere=False)


def _as_pytree(function: Callable) -> Callable:
    """A plain function without leaves, so that what holds it passes through `jax.jit` and `jax.grad`."""
    plain = jax.tree_util.treedef_is_leaf(jax.tree.structure(function))
    return jax.tree_util.Partial(function) if plain else function


class Enriched(GlobalSpace):
    """The functions of `space`, a global one, and beside them f(x) p(x), f of `functions`, p all monomials to `degree`.

    `functions`: one or several, each of one point, (d,) -> (), written with `jax.numpy`, of size about 1: the leading
    terms of a solution near a corner or crack tip, as r^(2/3) sin(2θ/3), or a layer, exp((x − 1)/ε). Floating leaves of
    those that are modules of Equinox are trainable. The monomials are taken on the domain's bounding box mapped to
    [−1, 1]^d, those of one function side by side: with `degree=0` the last coefficients are those of `functions`. On
    the coefficients of translates, as in Collocation, Σⱼ cⱼ f(yⱼ) p(yⱼ) = 0 closes the system.

    Good values: degree 0 where all singular terms are named and what is left is smooth, 4 to 8 where the first of a
    series stands for all. A function needs finite values at the nodes, and at each those derivatives that the equation
    there uses: at a corner with a Dirichlet condition none.

    Raises ValueError for a local space, no functions, a negative degree, functions that do not return a number, or are
    not finite at a node; TypeError for what is no function of x, is complex, or cannot be traced by JAX.
    """

    space: GlobalSpace
    functions: tuple[Callable, ...]
    polynomials: Tail
    degree: int = eqx.field(static=True)
    reads_traced: bool = eqx.field(static=True)  # a function has closed over what JAX traces

    @expects(space=Space, functions=_FUNCTIONS, degree=INTEGER)
    def __init__(self, space: Space, functions: Callable | Iterable[Callable], degree: int = 0):
        if not isinstance(space, GlobalSpace) or space.local_basis is not None:
            raise ValueError(
                "Enriched needs a global space, Eigenbasis or Collocation with a wide support; got "
                f"{space.describe()}. In local spaces refine the nodes instead: mf.refine, or a function as spacing"
            )
        if degree < 0:
            raise ValueError(f"degree is that of the polynomials beside each function, at least 0; got {degree}")
        self.space, self.degree = space, degree
        self.functions = tuple(map(_as_pytree, functions))  # type: ignore[arg-type]  # several by now
        if not self.functions:
            raise ValueError("functions is empty: give a function of x at least, or use the space as it is")
        for number in range(len(self.functions)):
            self._check_kind(number)
        lower, upper = bounding_box(space.cloud)
        half_width = (upper - lower) / 2
        half_width = module_of(half_width).where(half_width > 0, half_width, 1.0)  # of points on a line
        self.polynomials = Tail((lower + upper) / 2, half_width, np.ones(()), degree)
        self.reads_traced = False
        self.reads_traced = self._check_values()

    @property  # type: ignore[misc]  # it may stand for an abstract attribute of Equinox
    def cloud(self) -> Cloud:  # type: ignore[override]
        return self.space.cloud

    @property
    def kernel(self):
        """That of the space within."""
        return self.space.kernel  # type: ignore[attr-defined]

    @property
    def size(self) -> int:
        return self.space.size + len(self.functions) * len(total_degree(self.cloud.dim, self.degree))

    def on(self, cloud):
        return self._over(self.space.on(cloud))

    @property
    def local_basis(self) -> None:
        return None

    def compared(self):
        """The same functions beside the space that the one within is compared with."""
        found = self.space.compared()
        return None if found is None else (found[0], self._over(found[1]))

    def nested(self):
        kept = self.space.nested()
        return None if kept is None else np.concatenate([kept, np.arange(self.space.size, self.size)])

    def sparsity(self, X):
        return self.space.sparsity(X)

    def describe(self):
        count = len(self.functions)
        times = f" times polynomials of degree {self.degree}" * (self.degree > 0)
        return f"{self.space.describe()} + {count} function{'s' * (count > 1)}{times}"

    def check_kernel(self):
        self.space.check_kernel()

    def why_not_finite(self, X, functionals, order):
        """Names the function, its derivative and the point."""
        derivatives = None if self.reads_traced else self._derivatives(np.asarray(X), order)
        if derivatives is None:
            return self.space.why_not_finite(X, functionals, order)
        wrong = (np.asarray(functionals) != 0).any(axis=1)[:, :, None] & ~np.isfinite(derivatives)
        if not wrong.any():
            return self.space.why_not_finite(X, functionals, order)
        point, which, number = map(int, np.argwhere(wrong)[0])
        alpha = total_degree(X.shape[1], order)[which]
        of_order = f"has the derivative {_partial(alpha)} = " if alpha.any() else "is "
        advice = (
            "which is asked for there: leave this point out, give a Dirichlet condition there, which uses the value "
            "alone, or write the function so that its derivative is finite"
            if alpha.any()
            else _FINITE
        )
        return (
            f"{self._named(number)} {of_order}{derivatives[point, which, number]} at the point "
            f"{tuple(np.asarray(X)[point].tolist())}, {advice}"
        )

    def basis(self, x):
        return jnp.concatenate([self.space.basis(x), self._added(x)])

    def basis_laplacian(self, x):
        return jnp.concatenate([self.space.basis_laplacian(x), laplacian(self._added)(x)])

    @property
    def translated_to(self):
        return self.space.translated_to

    def side_conditions(self):
        """Those of the space, and on the coefficients of translates the moments of what stands beside them, as a
        polynomial tail has them: there are as many equations as unknowns again.
        """
        own, centers = self.space.side_conditions(), self.translated_to
        found = [own]
        if centers is not None:
            known = not (is_traced(self) or self.reads_traced)
            moments = self._values(np.asarray(centers)) if known else jax.vmap(self._added)(jnp.asarray(centers))
            found.append(module_of(moments).pad(moments.T, ((0, 0), (0, self.space.size - len(centers)))))
        array = module_of(*found)
        return array.pad(array.concatenate(found), ((0, 0), (0, self.size - self.space.size)))

    @property
    def has_rows(self):
        return super().has_rows and self.space.has_rows and not self.reads_traced

    def rows(self, X, functionals, order):
        return np.concatenate([self.space.rows(X, functionals, order), self._rows(X, functionals, order)], axis=2)

    def rows_along(self, X, functionals, order, direction):
        """Of the leaves of the space within; those of the functions are left to JAX."""
        if jax.tree.leaves((direction.functions, direction.polynomials)):
            return None
        own = self.space.rows_along(X, functionals, order, direction.space)
        return None if own is None else np.pad(own, ((0, 0), (0, 0), (0, self.size - self.space.size)))

    def _over(self, space: Space) -> Enriched:
        return Enriched(space, self.functions, self.degree)

    def _added(self, x: Float[Array, " d"]) -> Float[Array, " q"]:
        """What stands beside the functions of the space, at one point."""
        of_functions = jnp.stack([jnp.asarray(f(x), x.dtype) for f in self.functions])
        return jnp.ravel(of_functions[:, None] * self.polynomials(x)[None])

    def _rows(self, X, functionals, order: int) -> Float[np.ndarray, "m r q"]:
        """Functionals of what stands beside; a derivative that one does not use may be infinite, as r^(2/3)'s at 0."""
        found = np.zeros((len(X), functionals.shape[1], self.size - self.space.size))
        with np.errstate(all="ignore"):
            of_functions = self._derivatives(X, order).swapaxes(0, 1)[..., None]  # (J, m, k, 1)
            of_polynomials = self.polynomials.derivatives(X, order).swapaxes(0, 1)[:, :, None]  # (J, m, 1, p)
            products = product(list(of_functions), list(of_polynomials), X.shape[1], order)
            for position, derivative in enumerate(products):
                for row in np.flatnonzero(functionals[:, :, position].any(axis=0)):
                    factors = functionals[:, row, position, None]
                    found[:, row] += np.where(factors == 0, 0.0, factors * derivative.reshape(len(X), -1))
        return found

    def _values(self, X) -> Float[np.ndarray, "m q"]:
        return self._rows(X, np.ones((len(X), 1, 1)), 0)[:, 0]

    def _derivatives(self, X, order: int, known: bool = True) -> Any:
        """Dᵅ of the functions alone, (m, J, k); without `known` None where they read what is traced."""
        numbers = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, float) else leaf, self.functions)
        functions = tuple(map(watch, numbers))
        if not len(X):
            return np.zeros((0, len(total_degree(self.cloud.dim, order)), len(functions)))
        return in_padded_blocks(lambda X: _jets(functions, X, order), (X,), BLOCK, known=known)

    def _check_kind(self, number: int) -> None:
        """ValueError or TypeError unless a function can be traced, and returns a real number."""
        point = jax.ShapeDtypeStruct((self.cloud.dim,), jnp.result_type(float))
        here = self._named(number)
        try:
            value = jax.eval_shape(self.functions[number], point)
        except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
            raise TypeError(f"{here} cannot be traced by JAX: write it with jnp, and jnp.where for if") from error
        if not isinstance(value, jax.ShapeDtypeStruct):
            raise TypeError(f"{here} must return a number for a point x (d,); it returns a {type(value).__name__}")
        if value.shape != ():
            raise ValueError(
                f"{here} must return a number for a point x ({self.cloud.dim},); it returns shape {value.shape}: give "
                "several functions as a list of them"
            )
        if value.dtype.kind not in "fiu":
            advice = ": give its real and its imaginary part, as two functions" * (value.dtype.kind == "c")
            raise TypeError(f"{here} must return a real number; it returns {value.dtype}{advice}")

    def _check_values(self) -> bool:
        """ValueError unless the functions are finite at the nodes; True where they read what is traced."""
        if is_traced(self.functions, self.cloud):
            return False
        values = self._derivatives(np.asarray(self.cloud.points), 0, known=False)
        if values is None:
            return True
        if not np.isfinite(values).all():
            points = np.asarray(self.cloud.points)
            raise ValueError(self.why_not_finite(points, np.ones((len(points), 1, 1)), 0))
        return False

    def _named(self, number: int) -> str:
        function: Any = self.functions[number]
        plain = isinstance(function, jax.tree_util.Partial) and not (function.args or function.keywords)
        return f"functions[{number}] of Enriched ({shown(function.func if plain else function)})"


_FINITE = (
    "and its values must be finite at the nodes: at a point where a formula fails, as r² log r at r = 0, take another "
    "number inside of it, too: jnp.where(r2 > 0, r2 * jnp.log(jnp.where(r2 > 0, r2, 1.0)), 0.0)"
)


@eqx.filter_jit
def _jets(functions: tuple[Callable, ...], X, order: int):
    def at_one(x):
        of_each = [derivatives_at(lambda y, f=f: jnp.asarray(f(y), y.dtype), x, order) for f in functions]
        return jnp.stack(of_each, axis=1)

    return jax.vmap(at_one)(X)


def _partial(alpha: np.ndarray) -> str:
    """As in `∂²/∂x0∂x1`."""
    times = int(alpha.sum())
    power = "" if times == 1 else "⁰¹²³⁴⁵⁶⁷⁸⁹"[times]
    return f"∂{power}/" + "".join(f"∂x{axis}" * int(n) for axis, n in enumerate(alpha))
