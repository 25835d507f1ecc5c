"""What JAX is to see less of: modules whose methods cost nothing to look up, and texts that are no leaves."""

import equinox as eqx
import jax


class Text(str):
    """A text that is no leaf for JAX, so that what holds it can still pass through `jax.jit`."""

    __slots__ = ()


jax.tree_util.register_static(Text)


class Plain(eqx.Module):
    """A module with bound methods as Python makes them.

    Equinox makes a pytree of a method each time that it is looked up, which takes 20 µs, as long as much of what is
    done with small arrays. For what no user hands to jit as a function: such a method is no pytree.
    """

    __getattribute__ = object.__getattribute__
