"""Domains and clouds that the tests of several rooms use."""

import functools

import meshfree as mf

SQUARE = mf.Box()
L_SHAPE = mf.Box((0, 0), (2, 2)) - mf.Box((1, 1), (2, 2))
HOLED = mf.Box() - mf.Disk((0.6, 0.5), 0.2, name="hole")
RING = mf.Disk() - mf.Disk((0, 0), 0.4, name="inner")
BLOCK = mf.Box((0, 0, 0), (2, 1, 1)) - mf.Ball((1.0, 0.5, 0.5), 0.3, name="cavity")
SHAPES = {
    "line": (mf.Interval(), 0.1),
    "square": (mf.Box(), 0.1),
    "holed": (HOLED, 0.1),
    "L": (L_SHAPE, 0.1),
    "ring": (RING, 0.1),
    "disk": (mf.Disk(), 0.1),
    "cube": (mf.Box((0, 0, 0), (1, 1, 1)), 0.25),
    "block": (BLOCK, 0.3),
}


@functools.cache
def cloud_of(name):
    shape, spacing = SHAPES[name]
    return shape.cloud(spacing=spacing)


def as_arrays(cloud):
    """The same cloud without its domain."""
    return mf.Cloud(interior=cloud["interior"], **{part: (cloud[part], cloud.normals[part]) for part in cloud.normals})
