"""Stencils in tangent planes against derivatives of functions of the nearest point, which JAX knows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

TORUS = mf.Surface(mf.Torus())
TUBE = TORUS.cloud(0.1)
CIRCLE = mf.Surface(mf.Disk((0.0, 0.0), 2.0))


def on_torus(x):
    ring = jnp.append(x[:2] / jnp.linalg.norm(x[:2]), 0.0)
    return ring + 0.4 * (x - ring) / jnp.linalg.norm(x - ring)


def on_circle(x):
    return 2 * x / jnp.linalg.norm(x)


def smooth(x):
    return jnp.sin(x[0]) * jnp.exp(x[1] / 2) + x[-1]


def flat(operator):
    """All components as one vector."""
    return lambda u: lambda x: jnp.ravel(operator(u)(x))


@pytest.mark.parametrize(
    ("surface", "nearest", "spacing", "bars"),
    [(TORUS, on_torus, 0.1, (3e-4, 2e-2)), (CIRCLE, on_circle, 0.1, (3e-5, 2e-3))],
)
def test_derivatives_are_those_of_a_function_that_is_constant_along_normals(surface, nearest, spacing, bars):
    def exact(x):
        return smooth(nearest(x))

    u = mf.interpolate(exact, mf.Stencils(None, surface.cloud(spacing), 4))
    X = surface.sample(40, seed=3)
    np.testing.assert_allclose(u(X), jax.vmap(exact)(jnp.asarray(X)), atol=bars[0])
    for operator, bar in ((mf.gradient, bars[1] / 5), (mf.hessian, bars[1]), (mf.laplacian, bars[1])):
        known = np.asarray(jax.vmap(flat(operator)(exact))(jnp.asarray(X)))
        rows = mf.matrix(u.space, flat(operator), X)
        rows = [one @ np.asarray(u.coefficients) for one in (rows if isinstance(rows, tuple) else (rows,))]
        found = np.stack(rows, axis=1)
        assert np.abs(found - known).max() < bar * np.abs(known).max()
        np.testing.assert_allclose(flat(operator)(u)(X[0]), found[0], atol=1e-9)


def test_in_a_program_the_derivatives_are_the_same():
    u = mf.interpolate(smooth, mf.Stencils(None, CIRCLE.cloud(0.3), 3))
    X = CIRCLE.sample(3)
    in_program = jax.jit(jax.vmap(mf.hessian(u)))(jnp.asarray(X))
    np.testing.assert_allclose(in_program, [mf.hessian(u)(x) for x in X], atol=1e-9)


def test_off_the_surface_u_is_that_of_the_nearest_point():
    u = mf.interpolate(smooth, mf.Stencils(None, TUBE, 4))
    X = TUBE.points[:50]
    away = X + 0.05 * TUBE.surface_normals[:50]
    np.testing.assert_allclose(u(away), u(X), atol=1e-12)


def test_a_point_between_two_sides_of_a_thin_ring_has_the_values_of_its_own():
    surface = mf.Surface(mf.Annulus((0, 0), 0.98, 1.0))

    def exact(x):
        return jnp.where(jnp.linalg.norm(x) > 0.99, 1.0, -2.0) * x[0]

    space = mf.Stencils(None, surface.cloud(0.05), 4)
    outer = np.linalg.norm(space.nodes, axis=1) > 0.99
    assert (outer[space.stencils] == outer[:, None]).all()
    X = surface.sample(200, seed=5)
    np.testing.assert_allclose(mf.interpolate(exact, space)(X), jax.vmap(exact)(X), atol=1e-6)


def test_sheets_that_face_the_same_way_are_not_mixed():
    radii = (1.0, 0.9, 0.8)
    X = np.concatenate([r * mf.Surface(mf.Ball((0.0, 0.0, 0.0), 1.0)).cloud(0.2).points for r in radii])
    cloud = mf.Cloud(interior=(X, X / np.linalg.norm(X, axis=1, keepdims=True)))
    stencils = mf.Stencils(None, cloud, 4).stencils
    radius = np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(radius[stencils], np.broadcast_to(radius[:, None], stencils.shape), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mf.Stencils(None, TUBE, 6), "wider than the radius of curvature.*spacing is at fault"),
        (lambda: mf.Stencils(None, CIRCLE.cloud(0.7), 6), "wider than the radius of curvature"),
        (lambda: mf.matrix(mf.Stencils(None, TUBE, 4), mf.biharmonic), "order 4.*two fields"),
        (lambda: mf.biharmonic(mf.interpolate(smooth, mf.Stencils(None, TUBE, 4)))(TUBE.points[0]), "two fields"),
        (lambda: mf.Stencils(mf.Gaussian((1.0, 1.0, 2.0)), TUBE, 4), "one scale"),
    ],
)
def test_what_a_stencil_on_a_surface_cannot_do_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_an_edge_is_refused_by_the_normals():
    box = mf.Box((0, 0, 0), (1, 1, 1)).cloud(0.1)
    X = np.concatenate([box[part] for part in box.normals])
    N = np.concatenate([box.normals[part] for part in box.normals])
    with pytest.raises(ValueError, match="do not fit a smooth surface"):
        mf.Stencils(None, mf.Cloud(interior=(X, N)), 3)
