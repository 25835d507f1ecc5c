"""Surfaces: nodes with normals on closed boundaries, areas, random points, files, facets, and what is refused."""

import numpy as np
import pytest

import meshfree as mf
from meshfree.geometry.simplices import facets_between

BALL = mf.Ball((0.0, 0.0, 0.0), 1.0)
SPHERE = mf.Surface(BALL)
TORUS = mf.Surface(mf.Torus())
SHELL = mf.Surface(BALL - mf.Ball((0.0, 0.0, 0.0), 0.95))


def test_the_nodes_of_a_surface_are_interior_and_have_the_normals_of_the_shape():
    cloud = SPHERE.cloud(0.2)
    assert dict(cloud.counts) == {"interior": len(cloud)} and SPHERE.part_names == ()
    assert cloud.dim == SPHERE.dim == 3 and cloud.manifold_dim == SPHERE.manifold_dim == 2
    assert cloud.normals["interior"] == pytest.approx(cloud.points, abs=1e-14)
    assert len(cloud) == pytest.approx(SPHERE.volume / 0.2**2, rel=0.1)
    assert cloud.quality().mesh_ratio < 2.5


@pytest.mark.parametrize(
    ("surface", "area"),
    [
        (SPHERE, 4 * np.pi),
        (TORUS, 4 * np.pi**2 * 0.4),
        (SHELL, 4 * np.pi * (1 + 0.95**2)),
        (mf.Surface(mf.Ellipse((0, 0), (1.0, 0.5))), 4.844224110273838),  # SciPy's ellipe
        (mf.Surface(mf.Annulus((0, 0), 0.5, 1.0)).translate((2, 0)), 3 * np.pi),
    ],
)
def test_its_volume_is_its_area_and_random_points_lie_on_it(surface, area):
    assert surface.volume == pytest.approx(area, rel=1e-12)
    X = surface.sample(500, seed=1)
    assert X.shape == (500, surface.dim) and surface.distance(X) == pytest.approx(0, abs=1e-14)
    center = (surface.bounds[0] + surface.bounds[1]) / 2
    assert X.mean(axis=0) == pytest.approx(center, abs=0.15)


@pytest.mark.parametrize(
    "surface", [mf.Surface(mf.Annulus((0, 0), 0.98, 1.0)), SHELL, mf.Surface(mf.Disk() - mf.Disk((0, 0), 0.98))]
)
def test_both_sides_of_a_thin_body_have_nodes(surface):
    cloud = surface.cloud(0.1)
    outer = np.linalg.norm(cloud.points, axis=1) > 0.99
    assert 0.9 < outer.sum() / (~outer).sum() < 1.2


@pytest.mark.parametrize("extension", ["csv", "npz", "vtu"])
def test_files_keep_the_normals_of_a_surface(tmp_path, extension):
    cloud = SPHERE.cloud(0.4)
    cloud.save(tmp_path / f"cloud.{extension}")
    again = mf.Cloud.load(tmp_path / f"cloud.{extension}", domain=SPHERE)
    np.testing.assert_array_equal(again.points, cloud.points)
    np.testing.assert_array_equal(again.surface_normals, cloud.surface_normals)


@pytest.mark.parametrize("known", [True, False], ids=["shape", "normals"])
def test_facets_close_the_surface(known):
    cloud = TORUS.cloud(0.15)
    X, N = cloud.points, cloud.surface_normals
    facets = facets_between(X, N, TORUS.body if known else None)
    edges = {frozenset((f[i], f[i - 1])) for f in facets.tolist() for i in range(3)}
    assert len(X) - len(edges) + len(facets) == 0  # Euler's characteristic
    across = np.cross(X[facets[:, 1]] - X[facets[:, 0]], X[facets[:, 2]] - X[facets[:, 0]])
    assert np.linalg.norm(across, axis=1).sum() / 2 == pytest.approx(TORUS.volume, rel=0.01)
    assert (np.einsum("nd,nd->n", across, N[facets[:, 0]]) > 0).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: mf.Surface(mf.Interval()), ValueError, "set of points"),
        (lambda: mf.Surface(mf.Box(periodic=(0,))), ValueError, "periodic: its boundary .* is not closed"),
        (lambda: mf.Surface(SPHERE), ValueError, "has no boundary"),
        (lambda: mf.Surface(3), TypeError, "boundary of a meshfree shape.*got 3"),
        (lambda: SPHERE | TORUS, TypeError, "surfaces do not combine"),
        (lambda: BALL - TORUS, TypeError, "surfaces do not combine"),
        (lambda: mf.Surface(mf.Box()).cloud(0.1), ValueError, "sharp edges or corners, as at"),
        (lambda: mf.Surface(mf.Cylinder()).cloud(0.3), ValueError, "sharp edges or corners, as at"),
        (lambda: SPHERE.cloud(1.5), ValueError, "spacing=1.5 is too large"),
        (lambda: SPHERE.cloud(0.2, interior="halton"), ValueError, "quasi-uniform"),
        (lambda: mf.Cloud(interior=BALL.cloud(0.4)["boundary"], domain=SPHERE), ValueError, "need their normals"),
        (lambda: mf.Cloud(interior=(np.eye(3), np.eye(3)), domain=BALL), ValueError, r"domain=mf.Surface\(shape\)"),
        (
            lambda: mf.Cloud(interior=(np.eye(3), np.eye(3)), rim=(2 * np.eye(3), np.eye(3))),
            ValueError,
            "closed surface, which has no boundary parts; got rim",
        ),
        (
            lambda: mf.Problem(SPHERE, interior=lambda u, x: u(x), boundary=mf.dirichlet(0.0)),
            ValueError,
            "closed surface",
        ),
    ],
)
def test_what_is_no_closed_smooth_surface_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
