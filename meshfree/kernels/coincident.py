"""Kernels at coincident points, where one that is written with a root or a logarithm of the distance fails."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from .kernel import Kernel

HIGHEST = 4  # order of a derivative that is looked at: the biharmonic operator's


def check_coincident(kernel: Kernel, dim: int) -> None:
    """ValueError, with the remedy, for a kernel that is not finite at coincident points, or whose derivatives are not,
    as far as it says that it has them. To be asked where something was found not to be finite: it compiles.
    """
    x = 0.3 * jnp.ones(dim)

    def found(y):
        return kernel.eval(y, x)

    for order in range(int(min(HIGHEST, kernel.smoothness)) + 1):
        if not np.all(np.isfinite(found(x))):
            what = f"its derivatives of order {order} are" if order else "its value is"
            raise ValueError(
                f"{kernel.describe()} cannot be used at coincident points, x = y: {what} not finite there. JAX "
                "differentiates jnp.linalg.norm, jnp.sqrt and jnp.log at 0 to NaN: write eval in the squared distance, "
                "s = jnp.sum((x - y) ** 2), or derive the kernel from meshfree.kernels.Radial, whose profile is "
                "differentiated by s; where only the value fails, replace s by 1 where it is 0, with jnp.where before "
                "and after"
            )
        found = jax.jacfwd(found)
