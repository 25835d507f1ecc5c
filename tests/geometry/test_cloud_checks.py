"""A cloud on another domain than the problem's is refused by `solve`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.geometry.cloud_checks import check_cloud_in

SQUARE = mf.Box()
CLOUD = SQUARE.cloud(0.2)
PROBLEM = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 1, boundary=mf.dirichlet(0.0))


def parts(cloud, turn=1.0):
    return {part: (cloud[part], turn * cloud.normals[part]) for part in cloud.normals}


def space(cloud):
    return mf.Collocation(mf.Matern(5.5, scale=1.0), cloud)


@pytest.mark.parametrize(
    ("cloud", "words"),
    [
        (mf.Disk().cloud(0.25), "points of .* lie outside the problem's domain Box.*, as interior"),
        (mf.Disk((0.5, 0.5), 0.4).cloud(0.15), "boundary nodes of .* are not on the boundary of the problem's domain"),
        (mf.Box((0, 0), (1, 0.5)).cloud(0.15), r"boundary nodes .*, as top\[0\] at"),
        (mf.Cloud(CLOUD["interior"], **parts(CLOUD, -1.0)), r"normals of .* point into the .*: use their negatives"),
    ],
    ids=["outside", "within", "half", "inward"],
)
def test_domain_mismatch(cloud, words):
    with pytest.raises(ValueError, match=words):
        mf.solve(PROBLEM, space(cloud))
    with pytest.raises(ValueError, match=words):
        mf.solve(PROBLEM, space(CLOUD), points=cloud)


def test_clouds_of_the_domain_pass():
    own = mf.Cloud(CLOUD["interior"], **parts(CLOUD))
    check_cloud_in(SQUARE, own)
    check_cloud_in(None, mf.Disk().cloud(0.3))
    check_cloud_in(SQUARE, mf.Cloud(CLOUD["interior"]))
    moved = mf.Cloud(CLOUD["interior"], **{p: (X + 1e-4, N) for p, (X, N) in parts(CLOUD).items() if p == "left"})
    check_cloud_in(SQUARE, moved)  # good to a hundredth of a spacing, as a mesh file's nodes are


def test_traced_clouds_are_not_looked_at():
    far = mf.Disk((5.0, 5.0)).cloud(0.3)

    @jax.jit
    def total(points):
        cloud = eqx.tree_at(lambda c: c.points, far, points)
        check_cloud_in(SQUARE, cloud)
        return jnp.sum(points)

    assert np.isfinite(total(jnp.asarray(far.points)))


def test_slits_and_thin_bodies_pass():
    slit = SQUARE - mf.Box((0.3, 0.5 - 1e-4), (0.7, 0.5 + 1e-4), name="slit")
    check_cloud_in(slit, slit.cloud(0.1))
    shell = mf.Ball() - mf.Ball(radius=0.6)
    check_cloud_in(shell, shell.cloud(0.25))
