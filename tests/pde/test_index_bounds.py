"""An index beyond the end of an array is found in the traced program, wherever it stands; sound programs pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.pde.index_bounds import beyond_the_end


def found(function, *shapes):
    inputs = [jax.ShapeDtypeStruct(shape, jnp.result_type(float)) for shape in shapes]
    program = jax.make_jaxpr(function)(*inputs)
    return beyond_the_end(program.jaxpr, program.consts)


def smooth(y):
    return jnp.sin(y[0]) * y[-1]


BEYOND = {
    "after the end": lambda x: x[2],
    "before the start": lambda x: x[-3],
    "of a NumPy integer": lambda x: x[np.int64(5)],
    "one of a list": lambda x: x[np.array([0, 2])],
    "one of an array": lambda x: x[jnp.array([-1, 2])],
    "in a jitted function": lambda x: jax.jit(lambda y: y[2] * 2)(x),
    "by take": lambda x: jnp.take(x, 3),
    "under a derivative": lambda x: jax.grad(lambda y: y[2] * y[0])(x)[0],
    "in a coefficient": lambda x: mf.divergence(lambda y: y[2] * mf.gradient(smooth)(y))(x),
    "of a gradient": lambda x: mf.gradient(smooth)(x)[2],
    "of a matrix": lambda x: jnp.outer(x, x)[1, 2],
}
SOUND = {
    "first and last": lambda x: x[0] * x[1] + x[-1] * x[-2],
    "slices": lambda x: jnp.sum(x[:5]) + jnp.sum(x[1:]),
    "lists": lambda x: x[np.array([0, 1, -1])],
    "another order": lambda x: x[::-1],
    "an index that is computed": lambda x: x[jnp.argmax(x)],
    "operators": lambda x: mf.laplacian(smooth)(x) + mf.hessian(smooth)(x)[1, 1],
    "a loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y * x[0], 1.0),
}


@pytest.mark.parametrize("name", BEYOND)
def test_an_index_that_is_not_there_is_found(name):
    assert found(BEYOND[name], (2,)) in ((2,), (2, 2))


@pytest.mark.parametrize("name", SOUND)
def test_sound_programs_pass(name):
    assert found(SOUND[name], (2,)) is None


def test_closed_over_tracers_are_not_known():
    @jax.jit
    def traced(i):
        assert found(lambda x: x[i], (2,)) is None
        return i

    traced(1)
