"""A kernel at another scale, its own parameters kept."""

import jax.numpy as jnp
from jaxtyping import Float

from .kernel import Kernel, Leaf


class Stretched(Kernel):
    """k(x, y) = kernel(x/factor, y/factor): the same kernel, wider by the factor in all directions."""

    kernel: Kernel
    factor: Float[Leaf, ""]

    @property
    def smoothness(self) -> float:
        return self.kernel.smoothness

    @property
    def support(self):
        return self.kernel.support * self.factor

    @property
    def tail(self):
        return self.kernel.tail

    def eval(self, x, y):
        factor = jnp.asarray(self.factor, x.dtype)
        return self.kernel.eval(x / factor, y / factor)

    def laplacian(self, x, y):
        factor = jnp.asarray(self.factor, x.dtype)
        return self.kernel.laplacian(x / factor, y / factor) / factor**2
