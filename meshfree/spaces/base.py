"""What every function space offers, and the functions in it."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..clouds import Cloud


class Space(eqx.Module):
    """A finite-dimensional set of functions over a cloud: u(x) = Σⱼ cⱼ bⱼ(x), one column of c per field.

    Solving, tuning and the matrices below know a space by these members only.
    """

    cloud: eqx.AbstractVar[Cloud]

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """n, the number of basis functions: the unknowns of one field."""

    @abc.abstractmethod
    def basis(self, x: Float[Array, " d"]) -> Float[Array, " n"]:
        """All basis functions at one point: (d,) -> (n,)."""

    @abc.abstractmethod
    def basis_laplacian(self, x: Float[Array, " d"]) -> Float[Array, " n"]:
        """Their Laplacians at one point, in closed form where there is one: (d,) -> (n,)."""

    @abc.abstractmethod
    def side_conditions(self) -> Float[Array, "q n"]:
        """Rows that the coefficients are orthogonal to, such as moment conditions: (q, n), q = 0 for none."""

    def function(self, coefficients: Float[Array, "n *f"]) -> "Expansion":
        """The function with these coefficients: (n,) for a scalar, (n, f) for f fields."""
        return Expansion(self, coefficients)

    def check_dimension(self, kernel) -> None:
        """ValueError unless the kernel's scale, one number or one per dimension, fits the cloud."""
        scales = jnp.shape(getattr(kernel, "raw_scale", 0.0))
        if scales not in ((), (self.cloud.dim,)):
            raise ValueError(
                f"{kernel.describe()} has {scales[0]} scales and the cloud {self.cloud.dim} dimensions; "
                f"give one scale, or {self.cloud.dim}"
            )


class Expansion(eqx.Module):
    """u(x) = Σⱼ cⱼ bⱼ(x) on one point: (d,) -> () or (f,); its Laplacian is the space's closed form."""

    space: Space
    coefficients: Float[Array, "n *f"]

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        return self.space.basis(x) @ self.coefficients

    def laplacian(self, x: Float[Array, " d"]) -> Float[Array, "*f"]:
        return self.space.basis_laplacian(x) @ self.coefficients
