"""What every kernel is: a module on a pair of points, with its Gram matrix, its gradient and an algebra."""

import abc
import dataclasses
import math
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..internal.printing import concrete, shown

Leaf = Array | np.ndarray  # a parameter: NumPy float64 as constructed, a JAX array once traced or trained


class Kernel(eqx.Module):
    """A function of two points, `eval(x, y)`, whose parameters are the leaves of a pytree.

    `kernel(X, Y)` is the Gram matrix, `kernel.grad(X, Y)` its gradient; `+`, `*` and a positive factor make
    new kernels. A new kernel is a subclass with `eval` and `smoothness`; a radial one derives from `Radial`.
    """

    @property
    @abc.abstractmethod
    def smoothness(self) -> float:
        """The highest order of derivative that is continuous everywhere, coincident points included."""

    @abc.abstractmethod
    def eval(self, x: Float[Array, " d"], y: Float[Array, " d"]) -> Float[Array, ""]:
        """The kernel on two points: (d,), (d,) -> ()."""

    def laplacian(self, x: Float[Array, " d"], y: Float[Array, " d"]) -> Float[Array, ""]:
        """Δₓk(x, y): (d,), (d,) -> (). Families with a closed form override it; this is their oracle."""

        def second(direction):
            return jax.jvp(lambda p: jax.jvp(lambda q: self.eval(q, y), (p,), (direction,))[1], (x,), (direction,))[1]

        return jnp.sum(jax.vmap(second)(jnp.eye(x.size, dtype=x.dtype)))

    def pair(self, f: Any, x: Float[Array, " d"], g: Any, y: Float[Array, " d"]) -> Float[Array, ""]:
        """f_x g_y k(x, y), each a `functionals.Functional`: (d,), (d,) -> (). As for `laplacian`."""
        return f.of(lambda p: g.of(lambda q: self.eval(p, q), y), x)

    def pair_of_jets(self, f: Any, x: Float[Array, " d"], g: Any, y: Float[Array, " d"]) -> Float[Array, ""] | None:
        """f_x g_y k(x, y) of functionals of any order, mappings {α: coefficient of Dᵅ}; None where it is not known."""
        return None

    def pair_beside(
        self, other: "Kernel", f: Any, x: Float[Array, " d"], g: Any, y: Float[Array, " d"]
    ) -> Float[Array, ""] | None:
        """`pair` of the product with another kernel, by the pairs of that; None where it is not known."""
        return None

    def __call__(self, X: ArrayLike, Y: ArrayLike) -> Float[Array, "n m"]:
        """The Gram matrix of points (n, d) and (m, d): (n, m). 1-D arrays are points of the line.

        Raises ValueError for arrays of more than two axes and for points of different dimensions.
        """
        X, Y = _point_sets(X, Y)
        return _gram(self, X, Y)

    def grad(self, X: ArrayLike, Y: ArrayLike, wrt: Literal["x", "y"] = "x") -> Float[Array, "n m *d"]:
        """The derivative by the point of the row (`wrt="x"`) or of the column (`"y"`): (n, m, d).

        For 1-D arrays, points of the line: (n, m). Raises ValueError where the kernel has no gradient.
        """
        if wrt not in ("x", "y"):
            raise ValueError(f"wrt is {wrt!r}; it is 'x' (the point of the row) or 'y' (that of the column)")
        on_the_line = np.ndim(X) == 1
        X, Y = _point_sets(X, Y)
        gradient = _gram_gradient(self, X, Y, wrt)
        return gradient[..., 0] if on_the_line else gradient

    def __add__(self, other: "Kernel") -> "Kernel":
        return Sum(self, other) if isinstance(other, Kernel) else NotImplemented

    def __mul__(self, other: "Kernel | float") -> "Kernel":
        if isinstance(other, Kernel):
            return Product(self, other)
        return Scaled(self, other) if eqx.is_array_like(other) else NotImplemented

    def __rmul__(self, other: float) -> "Kernel":
        return Scaled(self, other) if eqx.is_array_like(other) else NotImplemented

    @property
    def tail(self) -> int | None:
        """The degree of the polynomials that the kernel needs, −1 for none; None where it is not known.

        On coefficients orthogonal to those polynomials (−1)^(tail + 1) times the kernel is positive definite.
        """
        return -1

    @property
    def support(self) -> Float[Array, ""] | float:
        """The distance beyond which the kernel is zero; infinite for most."""
        return math.inf

    @property
    def reach(self) -> Float[Array, ""] | float:
        """The distance beyond which the kernel is less than 1e-17 of its size; infinite where it decays more slowly."""
        return self.support

    @property
    def scalable(self) -> bool:
        """Whether it serves as well in coordinates of another origin and unit, as those of a stencil are: one that has
        a length that is none of scale, such as a wave's, does not.
        """
        return all(part.scalable for part in self._parts())

    @property
    def is_open(self) -> bool:
        """Whether it has a parameter that is yet to be found from a problem, and cannot be evaluated before."""
        return any(part.is_open for part in self._parts())

    def fixed_parameters(self) -> dict[str, Any]:
        """The parameters that are not trained, by the names that the constructor gives them."""
        fixed = [field.name for field in dataclasses.fields(self) if field.metadata.get("static", False)]
        return {name: getattr(self, name) for name in fixed}

    def describe(self) -> str:
        """The class and its fixed parameters, in ASCII, as error messages name them: `Matern(nu=1.5)`."""
        parts = [part.describe() for part in self._parts()]
        parts += [f"{name}={value}" for name, value in self.fixed_parameters().items()]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _parts(self) -> list["Kernel"]:
        """The kernels that it is made of."""
        values = [getattr(self, field.name, None) for field in dataclasses.fields(self)]
        return [value for value in values if isinstance(value, Kernel)]

    def __repr__(self) -> str:
        """The expression that makes the kernel, positive parameters in place of the raw leaves behind them."""
        parts = [f"{name}={shown(value)}" for name, value in self.fixed_parameters().items()]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name, None)
            if field.name.startswith("raw_"):
                parts.append(f"{field.name.removeprefix('raw_')}={_shown_positive(value)}")
            elif not field.metadata.get("static", False):
                parts.append(f"{field.name}={value!r}" if isinstance(value, Kernel) else f"{field.name}={shown(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"


class Sum(Kernel):
    """k(x, y) = left(x, y) + right(x, y)."""

    left: Kernel
    right: Kernel

    @property
    def smoothness(self) -> float:
        return min(self.left.smoothness, self.right.smoothness)

    @property
    def support(self):
        return jnp.maximum(self.left.support, self.right.support)

    @property
    def reach(self):
        return jnp.maximum(self.left.reach, self.right.reach)

    @property
    def tail(self):
        left, right = self.left.tail, self.right.tail
        if left is None or right is None or (left - right) % 2:
            return None  # of opposite signs: neither the sum nor its negative need be definite
        return max(left, right)

    def eval(self, x, y):
        return self.left.eval(x, y) + self.right.eval(x, y)

    def laplacian(self, x, y):
        return self.left.laplacian(x, y) + self.right.laplacian(x, y)

    def pair(self, f, x, g, y):
        return self.left.pair(f, x, g, y) + self.right.pair(f, x, g, y)

    def pair_of_jets(self, f, x, g, y):
        left, right = self.left.pair_of_jets(f, x, g, y), self.right.pair_of_jets(f, x, g, y)
        return None if left is None or right is None else left + right

    def __repr__(self):
        return f"{self.left!r} + {_in_brackets(self.right, Sum)}"


class Product(Kernel):
    """k(x, y) = left(x, y) · right(x, y)."""

    left: Kernel
    right: Kernel

    @property
    def smoothness(self) -> float:
        return min(self.left.smoothness, self.right.smoothness)

    @property
    def support(self):
        return jnp.minimum(self.left.support, self.right.support)

    @property
    def reach(self):
        found: Any = math.inf
        for one, other in ((self.left, self.right), (self.right, self.left)):
            found = jnp.minimum(found, one.reach) if other.tail == -1 else found  # which is bounded then
        return found

    @property
    def tail(self):
        return -1 if self.left.tail == self.right.tail == -1 else None

    def eval(self, x, y):
        return self.left.eval(x, y) * self.right.eval(x, y)

    def pair(self, f, x, g, y):
        for one, other in ((self.left, self.right), (self.right, self.left)):
            found = one.pair_beside(other, f, x, g, y)
            if found is not None:
                return found
        return super().pair(f, x, g, y)

    def __repr__(self):
        return f"{_in_brackets(self.left, Sum)} * {_in_brackets(self.right, Sum, Product, Scaled)}"


class Wrapped(Kernel):
    """One that is made of another, and is as smooth."""

    kernel: Kernel

    @property
    def smoothness(self) -> float:
        return self.kernel.smoothness

    @property
    def support(self):
        return self.kernel.support

    @property
    def reach(self):
        return self.kernel.reach

    @property
    def tail(self):
        return self.kernel.tail


class Scaled(Wrapped):
    """k(x, y) = a · kernel(x, y) with a trainable amplitude a = softplus(raw_amplitude) > 0."""

    raw_amplitude: Float[Leaf, ""]

    def __init__(self, kernel: Kernel, amplitude: ArrayLike):
        if np.ndim(amplitude) != 0:
            raise ValueError(f"a kernel's factor must be one number; got an array of shape {np.shape(amplitude)}")
        self.kernel = kernel
        self.raw_amplitude = unconstrained(amplitude, "a kernel's factor")

    @property
    def amplitude(self) -> Float[Array, ""]:
        return positive(self.raw_amplitude)

    def eval(self, x, y):
        value = self.kernel.eval(x, y)
        return self.amplitude.astype(value.dtype) * value

    def laplacian(self, x, y):
        value = self.kernel.laplacian(x, y)
        return self.amplitude.astype(value.dtype) * value

    def pair(self, f, x, g, y):
        value = self.kernel.pair(f, x, g, y)
        return self.amplitude.astype(value.dtype) * value

    def pair_of_jets(self, f, x, g, y):
        value = self.kernel.pair_of_jets(f, x, g, y)
        return None if value is None else self.amplitude.astype(value.dtype) * value

    def pair_beside(self, other, f, x, g, y):
        value = self.kernel.pair_beside(other, f, x, g, y)
        return None if value is None else self.amplitude.astype(value.dtype) * value

    def __repr__(self):
        return f"{_shown_positive(self.raw_amplitude)} * {_in_brackets(self.kernel, Sum, Product, Scaled)}"


class Stretched(Wrapped):
    """k(x, y) = kernel(x/factor, y/factor): the same kernel, wider by the factor in all directions."""

    factor: Float[Leaf, ""]

    @property
    def support(self):
        return self.kernel.support * self.factor

    @property
    def reach(self):
        return self.kernel.reach * self.factor

    def eval(self, x, y):
        factor = jnp.asarray(self.factor, x.dtype)
        return self.kernel.eval(x / factor, y / factor)

    def laplacian(self, x, y):
        factor = jnp.asarray(self.factor, x.dtype)
        return self.kernel.laplacian(x / factor, y / factor) / factor**2


def positive(raw: ArrayLike) -> Array:
    """softplus(raw) = log(1 + eʳᵃʷ), the positive number behind an unconstrained leaf."""
    return jax.nn.softplus(jnp.asarray(raw))


def _shown_positive(raw: Any) -> str:
    """The positive number behind a leaf, without JAX, which under jit would trace it; another thing as it is."""
    number = concrete(raw)
    return shown(raw if number is None or number.dtype.kind != "f" else np.logaddexp(0, number))


def _in_brackets(operand: Any, *kinds: type) -> str:
    """An operand as it stands in an expression: in brackets where it is itself an expression of one of `kinds`."""
    return f"({operand!r})" if isinstance(operand, kinds) else repr(operand)


def unconstrained(value: ArrayLike, what: str) -> Leaf:
    """The leaf whose softplus is `value`, elementwise: log(eᵛ − 1).

    A concrete value becomes a NumPy float64 leaf, so that a kernel made before x64 is switched on is not
    silently single. Raises ValueError for concrete values that are not positive and finite.
    """
    if isinstance(value, jax.core.Tracer):
        return value + jnp.log(-jnp.expm1(-value))
    given = np.asarray(value)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be a positive number, or one per dimension; got {value!r}")
    value = given.astype(np.float64)
    if not np.all((value > 0) & np.isfinite(value)):
        raise ValueError(f"{what} must be positive and finite; got {value.tolist()}")
    return np.asarray(value + np.log(-np.expm1(-value)))


def initial_scale(scale: ArrayLike, key: Array | None) -> Float[Leaf, "*d"]:
    """The raw scale of a new kernel: that of `scale`, or U(−3, 0) drawn with `key` (a scale of 0.05 to 0.69)."""
    if key is None:
        if np.ndim(scale) > 1:
            raise ValueError(f"scale must be one number, or one per dimension; got shape {np.shape(scale)}")
        return unconstrained(scale, "scale")
    drawn = jax.random.uniform(key, minval=-3.0, maxval=0.0)
    return drawn if isinstance(drawn, jax.core.Tracer) else np.asarray(drawn, dtype=np.float64)


def half_integer(value: float, lowest: float, highest: float, what: str) -> float:
    """`value` as a float, if it is one of lowest, lowest + 1, ..., highest; otherwise ValueError."""
    if not (lowest <= value <= highest and math.isclose((value - lowest) % 1.0, 0.0)):
        raise ValueError(f"{what} must be one of {lowest}, {lowest + 1}, ..., {highest}; got {value}")
    return float(value)


def one_floating_type(X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays of the wider of their two floating types; integers count as the default one."""
    X, Y = (A if jnp.issubdtype(A.dtype, jnp.floating) else A.astype(float) for A in (jnp.asarray(X), jnp.asarray(Y)))
    dtype = np.promote_types(X.dtype, Y.dtype)
    return X.astype(dtype), Y.astype(dtype)


def _point_sets(X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Both as (n, d) and (m, d) arrays of one floating type."""
    X, Y = map(_points, one_floating_type(X, Y))
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"points of different dimensions: shapes {X.shape} and {Y.shape}")
    return X, Y


def _points(X: Array) -> Float[Array, "n d"]:
    if X.ndim not in (1, 2):
        raise ValueError(f"points must have shape (n, d), or (n,) on the line; got {X.shape}")
    return X[:, None] if X.ndim == 1 else X


@eqx.filter_jit
def _gram(kernel, X, Y):
    return jax.vmap(lambda x: jax.vmap(lambda y: kernel.eval(x, y))(Y))(X)


@eqx.filter_jit
def _gram_gradient(kernel, X, Y, wrt):
    gradient = jax.grad(kernel.eval, argnums=0 if wrt == "x" else 1)
    return jax.vmap(lambda x: jax.vmap(lambda y: gradient(x, y))(Y))(X)
