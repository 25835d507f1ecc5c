"""Nodes of one spacing: the tiles that they are cut from, and how even they are for any seed and shape."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

import meshfree as mf
from meshfree.geometry.nodes.tiling import Region, tile, tiled


def box(*size):
    """A box without a boundary."""

    def everywhere(X):
        return np.ones(len(X), dtype=bool)

    return Region(np.array(size, float), float(np.prod(size)), everywhere, everywhere, np.zeros((0, len(size))))


@pytest.mark.parametrize("dim", [2, 3])
def test_a_tile_is_even_across_its_seams(dim):
    X = tile(dim)
    side = round(len(X) ** (1 / dim))
    assert len(X) == side**dim and X.min() >= 0 and X.max() < side
    tree = cKDTree(X, boxsize=side)
    assert tree.query(X, 2)[0][:, 1].min() > 0.9
    assert tree.query(side * np.random.default_rng(0).random((50_000, dim)))[0].max() < 0.84


@pytest.mark.parametrize("size", [(5, 3), (64, 64), (150, 10), (7, 8, 30)])
@pytest.mark.parametrize("density", [1.0, 1.7])
def test_tiles_repeat_without_seams(size, density):
    X = tiled(box(*size), density, np.random.default_rng(1))
    assert np.all((X >= 0) & (X < size))
    assert cKDTree(X).query(X, 2)[0][:, 1].min() > 0.9 * density ** (-1 / len(size))
    assert len(X) == pytest.approx(density * np.prod(size), rel=0.15 if min(size) < 6 else 0.04)


STAR = [(r * np.cos(t), r * np.sin(t)) for t, r in zip(np.arange(10) * np.pi / 5, 5 * (1, 0.5), strict=True)]
SHAPES = {
    "square": (mf.Box(), 0.07),
    "few": (mf.Disk(), 0.4),
    "L": (mf.Box((0, 0), (2, 2)) - mf.Box((1, 1), (2, 2)), 0.1),
    "star": (mf.Polygon(STAR), 0.1),
    "ring": (mf.Annulus(), 0.07),
    "needle": (mf.Polygon([(0, 0), (1, 0), (1, 0.3)]), 0.05),
    "strip": (mf.Box((0, 0), (4, 0.25)), 0.1),
    "slit": (mf.Box() - mf.Box((0.2, 0.5), (0.8, 0.501), name="slit"), 0.05),
    "ball": (mf.Ball(), 0.25),
    "cube": (mf.Box((0, 0, 0), (1, 1, 1)), 0.18),
    "plate": (mf.Box((0, 0, 0), (1, 1, 0.2)), 0.1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_nodes_are_even_for_any_seed(name):
    shape, h = SHAPES[name]
    for seed in range(5 if shape.dim == 2 else 2):
        cloud = shape.cloud(h, seed=seed)
        quality = cloud.quality(h)
        assert quality.mesh_ratio < (2.2 if shape.dim == 2 else 2.6)
        assert quality.relative_fill < 0.9
        count = len(cloud["interior"]) * h**shape.dim / shape.volume
        assert 1.0 <= count <= 1.16


def test_far_apart_parts_are_filled_alike():
    """The box around them holds hundreds of thousands of places, they some hundred."""
    one = mf.Disk()
    both = (one | mf.Disk((60, 60), name="far")).cloud(0.15)
    there = np.linalg.norm(both["interior"], axis=1) < 1
    assert there.sum() == pytest.approx((~there).sum(), rel=0.05)
    assert len(both["interior"]) == pytest.approx(2 * len(one.cloud(0.15)["interior"]), abs=2)


def test_what_is_too_narrow_for_a_tile_is_filled_all_the_same():
    cloud = mf.Box((0, 0), (1, 0.13)).cloud(0.1)
    assert len(cloud["interior"]) >= 6
    assert cloud.quality(0.1).mesh_ratio < 2.6
