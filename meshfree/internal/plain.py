"""Modules whose methods cost nothing to look up."""

import equinox as eqx


class Plain(eqx.Module):
    """A module with bound methods as Python makes them.

    Equinox makes a pytree of a method each time that it is looked up, which takes 20 µs, as long as much of what is
    done with small arrays. For what no user hands to jit as a function: such a method is no pytree.
    """

    __getattribute__ = object.__getattribute__
