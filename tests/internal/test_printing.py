"""What values print as: one short line, whatever they are."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meshfree.internal.printing import WIDTH, aligned, shown


def load(rate, x):
    return rate * x


class Source(eqx.Module):
    rate: object
    load: object = load


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (3, "3"),
        (1e-12, "1e-12"),
        (np.float32(0.1), "0.1"),
        (jnp.array([1.0, 2.0]), "[1.0, 2.0]"),
        (np.array([[1, 2]]), "[[1, 2]]"),
        (np.ones((3, 3)), "<float64 array of shape (3, 3)>"),
        (np.array(["a"]), "<<U1 array of shape (1,)>"),
        ([1.0, (0.25,)], "[1.0, (0.25,)]"),
        (None, "None"),
        ("left", "'left'"),
        (load, "load"),
        (jax.jit(load), "load"),
        (lambda x: x, "<lambda>"),
        (jax.tree_util.Partial(load, 3.0), "load(3.0, ...)"),
        (functools.partial(load, x=2), "load(x=2, ...)"),
        (Source(np.array(2.0)), "Source(rate=2.0, load=load)"),
    ],
)
def test_values_on_one_line(value, text):
    assert shown(value) == text


def test_what_is_long_is_cut():
    text = shown({"name": "a\n" * 200})
    assert len(text) == WIDTH and text.endswith("...") and "\n" not in text


def test_arrays_that_have_no_numbers_to_show():
    deleted = jnp.ones(2)
    deleted.delete()
    assert shown(deleted) == f"<{deleted.dtype} array of shape (2,)>"
    assert shown(jax.random.key(0)) == "<key<fry> array of shape ()>"
    printed = []
    jax.make_jaxpr(lambda x: printed.append(shown([x, Source(x)])) or x)(1.0)
    assert printed == ["[<traced>, Source(rate=<traced>, load=load)]"]


def test_rows_are_aligned_at_the_colons():
    assert aligned("Title", [("a", "1"), ("long", "2")]) == "Title\n     a: 1\n  long: 2"
    assert aligned("Title", []) == "Title"
