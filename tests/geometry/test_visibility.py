"""Which points of a domain see one another, against sampled lines."""

import numpy as np
import pytest

import meshfree as mf

L_SHAPE = mf.Box((-1, -1), (1, 1)) - mf.Box((0, -2), (2, 0))
SLIT = mf.Box((-1, -1), (1, 1)) - mf.Box((-0.5, -1e-5), (0.5, 1e-5))
SLIT_IN_SPACE = mf.Box((-1, -1, -1), (1, 1, 1)) - mf.Box((-0.5, -0.5, -1e-3), (0.5, 0.5, 1e-3))


def inside(domain, A, B):
    t = np.linspace(0, 1, 4001)[:, None]
    return np.array([domain.contains(a + t * (b - a)).all() for a, b in zip(A, B, strict=True)])


@pytest.mark.parametrize(
    "domain",
    [
        L_SHAPE,
        mf.Box((-1, -1, -1), (1, 1, 1)) - mf.Box((0, 0, -2), (2, 2, 2)),
        mf.Interval(0, 1) | mf.Interval(1.1, 2),
        mf.Box((0, 0), (1, 1)) | mf.Box((1, 0), (2, 0.5)),
    ],
    ids=["L", "L in space", "intervals", "boxes with a common side"],
)
def test_as_sampled(domain):
    A, B = domain.sample(400), domain.sample(400, seed=1)
    assert np.array_equal(domain.sees(A, B), inside(domain, A, B))


@pytest.mark.parametrize("domain", [mf.Disk(), mf.Box(), mf.Ball(), mf.Ellipse(semi_axes=(2, 1))], ids=repr)
def test_convex_domains_hide_nothing(domain):
    X = np.asarray(domain.cloud(0.3).points)
    A, B = X[np.arange(len(X)).repeat(len(X))], np.tile(X, (len(X), 1))
    assert domain.sees(A, B).all()


@pytest.mark.parametrize("domain", [SLIT, SLIT_IN_SPACE], ids=["plane", "space"])
def test_thin_slits(domain):
    A = domain.sample(500)
    B = A * np.array([*[1] * (domain.dim - 1), -1])
    meets = np.all(np.abs(A[:, :-1]) < 0.5, axis=1)
    assert np.array_equal(domain.sees(A, B), ~meets)


def test_what_touches_or_follows_the_boundary_is_seen():
    A = np.array([(1.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, -1.0), (1.0, 0.0)])
    B = np.array([(-1.0, 0.0), (1.0, 0.3), (0.0, -1.0), (0.0, 1.0), (0.0, -1.0)])
    assert L_SHAPE.sees(A, B).tolist() == [True, True, True, True, False]


def test_neighbours_on_a_hole_see_each_other():
    ring = mf.Annulus(inner=0.3, outer=1.0)
    angle = np.array([0.2, 0.9, np.pi])
    A, B = np.tile([0.3, 0.0], (3, 1)), 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert ring.sees(A, B).tolist() == [True, True, False]
    moved, shift = ring.translate((7.0, 3.0)), np.array([7.0, 3.0])
    assert moved.sees(A + shift, B + shift).tolist() == [True, True, False]


def test_triangle_surfaces_as_the_solids():
    T = pytest.importorskip("trimesh").creation.annulus(0.4, 1.0, 0.5, sections=24)
    solid = mf.TriangleSurface(T.vertices, T.faces)
    A, B = solid.sample(200), solid.sample(200, seed=1)
    straight = inside(solid, A, B)
    sees = solid.sees(A, B)
    assert sees[straight].all()
    assert (sees[~straight]).mean() < 0.2  # those that pass close to the round hole
