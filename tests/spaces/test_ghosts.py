"""Ghost nodes: where they lie, and what they add to the equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree
from shared_cases import SQUARE

import meshfree as mf
from meshfree.spaces.stencils import ghost_nodes, matched_parts

CLOUD = SQUARE.cloud(0.1)
SIDES = ("left", "right", "bottom", "top")


@pytest.mark.parametrize(
    ("ghost", "parts"),
    [(False, ()), (True, SIDES), ("top", ("top",)), (["bottom", "left"], ("left", "bottom")), ((), ())],
)
def test_parts_are_chosen_by_name_or_all_at_once(ghost, parts):
    assert set(matched_parts(ghost, CLOUD)) == set(parts)
    assert [part for part in CLOUD.parts if part in parts] == list(matched_parts(ghost, CLOUD))


def test_unknown_parts_are_an_error():
    with pytest.raises(
        ValueError, match=r"ghost= names parts \['interior', 'roof'\]; the boundary parts are \['bottom'"
    ):
        matched_parts(["roof", "interior", "left"], CLOUD)


@pytest.mark.parametrize(
    "domain",
    [SQUARE, mf.Disk(), SQUARE - mf.Disk((0.5, 0.5), 0.2, name="hole"), mf.Interval(0.0, 1.0), mf.Ball()],
    ids=["square", "disk", "hole", "line", "ball"],
)
def test_every_boundary_node_has_a_ghost_outside_along_its_normal(domain):
    cloud = domain.cloud(0.1 if domain.dim < 3 else 0.3)
    parts = matched_parts(True, cloud)
    own = np.concatenate([cloud[part] for part in parts])
    normals = np.concatenate([cloud.normals[part] for part in parts])
    found = ghost_nodes(cloud, parts)
    assert found.shape == own.shape
    assert not np.any(domain.contains(found))
    reach = np.linalg.norm(found - own, axis=1)
    np.testing.assert_allclose(found - own, reach[:, None] * normals, atol=1e-12)
    nearest = cKDTree(cloud.points).query(own, 2)[0][:, 1]
    assert np.all(reach <= nearest * (1 + 1e-12))
    assert np.median(reach / nearest) > 0.99


def test_ghosts_beyond_a_reentrant_corner_are_parted():
    corner = mf.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    cloud = corner.cloud(0.1)
    found = ghost_nodes(cloud, matched_parts(True, cloud))
    apart = cKDTree(found).query(found, 2)[0][:, 1]
    assert apart.min() > 0.1 * 0.1


def test_without_parts_there_are_none():
    assert ghost_nodes(CLOUD, ()).shape == (0, 2)


def space(**options):
    return mf.Stencils(None, CLOUD, 2, **options)


def exact(x):
    return jnp.exp(x[0]) * jnp.sin(x[1])


PROBLEM = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x),
    boundary=lambda u, x, n: mf.derivative(u, n)(x) + u(x) - mf.derivative(exact, n)(x) - exact(x),
    exact=exact,
)


def test_a_ghost_is_an_unknown_and_the_equation_on_the_boundary_its_row():
    u = mf.solve(PROBLEM, space(ghost="left"))
    assert u.stats["unknowns"] == u.stats["rows"] == len(CLOUD) + len(CLOUD["left"])
    assert set(u.stats["residual"]) == {"interior", *SIDES, "interior at left"}
    on_the_boundary = mf.matrix(u.space, mf.laplacian, CLOUD["left"]) @ u.coefficients
    np.testing.assert_allclose(on_the_boundary, 0.0, atol=1e-8)


def test_two_conditions_determine_a_node_and_its_ghost():
    """A clamped plate: with the equation on the boundary as well there would be three rows for two unknowns."""

    def clamped(u, x, n):
        return jnp.stack([u(x) - exact(x), mf.derivative(u, n)(x) - mf.derivative(exact, n)(x)])

    plate = mf.Problem(SQUARE, interior=lambda u, x: mf.biharmonic(u)(x), boundary=clamped, exact=exact)
    u = mf.solve(plate, mf.Stencils(None, CLOUD, 4, ghost=True))
    assert u.stats["unknowns"] == u.stats["rows"]
    assert set(u.stats["residual"]) == {"interior", *SIDES}
    assert mf.error(plate, u) < 1e-3


def test_ghosts_have_values_that_interpolation_takes_too():
    ghosted = space(ghost=True)
    u = mf.interpolate(exact, ghosted)
    np.testing.assert_array_equal(u.coefficients, jax.vmap(exact)(jnp.asarray(ghosted.nodes)))
    with pytest.raises(ValueError, match=rf"shape \({len(ghosted.nodes)},\)"):
        mf.interpolate(np.ones(len(CLOUD)), ghosted)
