"""The decorator that stands in for jaxtyping's refuses what that one refuses."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, TypeCheckError
from typechecker import jaxtyped

from meshfree.pde.multi_indices import monomials


@jaxtyped
def product(A: Float[Array, "m n"], x: Float[Array, " n"], times: float = 1.0) -> Float[Array, " m"]:
    return times * (A @ x)


@jaxtyped
def rows(A: Float[Array, "m n"]) -> Float[Array, " m"]:
    return product(A.T, A[:, 0])


@jaxtyped
def short(A: Float[Array, "m n"]) -> Float[Array, " n"]:
    return A[:, 0]


@jaxtyped
@dataclasses.dataclass
class Points:
    X: Float[Array, "n d"]
    weights: Float[Array, " n"]


@dataclasses.dataclass
class Derived(Points):
    name: OnlyForTypes = ""


@pytest.mark.parametrize(
    "call",
    [
        lambda: product(jnp.ones((3, 2)), jnp.ones(3)),
        lambda: product(jnp.ones((3, 2)), jnp.ones(2, int)),
        lambda: product(jnp.ones((3, 2)), x=jnp.ones(2), times="two"),
        lambda: short(jnp.ones((3, 2))),
        lambda: Points(jnp.ones((3, 2)), jnp.ones(2)),
        lambda: jaxtyped(Derived)(jnp.ones(3), jnp.ones(3)),
    ],
)
def test_other_sizes_and_types_are_refused(call):
    with pytest.raises(TypeCheckError):
        call()


def test_a_letter_stands_for_one_size_in_a_call_and_for_another_in_a_call_inside():
    assert product(jnp.ones((3, 2)), jnp.ones(2), 2).tolist() == [4, 4, 4]  # an int where a float is asked for
    assert rows(jnp.ones((2, 2))).tolist() == [2, 2]
    assert Points(jnp.ones((3, 2)), jnp.ones(3)).weights.shape == (3,)
    assert jaxtyped(Derived)(jnp.ones((3, 2)), jnp.ones(3), 7).name == 7  # a name that types alone know
    with pytest.raises(TypeCheckError):
        rows(jnp.ones((3, 2)))  # in the product of (2, 3) and (3,) the letters change places, the return is of size 2


def test_the_sizes_are_printed_with_the_error(capsys):
    with pytest.raises(TypeCheckError):
        product(jnp.ones((3, 2)), jnp.ones(5))
    assert "m=3" in (printed := capsys.readouterr().out) and "n=2" in printed


def test_functions_without_annotations_stay():
    def plain(x, *, y=1):
        return x + y

    assert jaxtyped(plain) is plain


def test_meshfree_is_checked():
    assert monomials(jnp.array([2.0, 3.0]), np.array([[1, 2]])).tolist() == [18]
    with pytest.raises(TypeCheckError):
        monomials(jnp.array([2.0, 3.0]), np.array([[1, 2, 0]]))
