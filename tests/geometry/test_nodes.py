"""Clouds made on domains: counts, evenness, corners, normals, grading, clustering."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from meshfree.geometry.nodes.domain_nodes import boundary_nodes
from meshfree.geometry.shapes.basic import Ball, Box, Disk, Interval
from meshfree.geometry.spacing import Spacing

CUBE = Box((0, 0, 0), (1, 1, 1))
L_SHAPE = Box((0, 0), (2, 2)) - Box((1, 1), (2, 2))
L_UNION = Box((0, 0), (2, 1)) | Box((0, 1), (1, 2))
BITTEN = Box() - Disk((0.5, 1), 0.3, name="bite")
HOLED = Box() - Disk((0.5, 0.5), 0.2, name="hole")
KEYHOLE = Disk() | Box((0, -0.5), (2, 0.5))
BITTEN_CUBE = CUBE - Ball((1, 1, 1), 0.6, name="bite")
PLANE = [Box(), Disk(), L_SHAPE, L_UNION, BITTEN, HOLED, KEYHOLE]
SPACE = [CUBE, Ball(), BITTEN_CUBE]
ALL = [Interval(), (Interval() | Interval(2, 3)) - Interval(0.4, 0.6, name="gap"), *PLANE, *SPACE]


def quality(cloud, domain):
    """Least and median nearest-neighbour distance, and the radius of the largest hole."""
    tree = cKDTree(cloud.points)
    nearest = tree.query(cloud.points, 2)[0][:, 1]
    return nearest.min(), np.median(nearest), tree.query(domain.sample(20_000))[0].max()


def normal_at(cloud, x):
    """The part and normal of the node at x, which must be the only one."""
    found = [
        (part, N)
        for part in cloud.normals
        for X, N in zip(cloud[part], cloud.normals[part], strict=True)
        if np.allclose(X, x, atol=1e-9)
    ]
    assert len(found) == 1, f"{len(found)} nodes at {x}"
    return found[0]


# ------------------------------------------------------------------------------------ counts, evenness


@pytest.mark.parametrize("h", [0.2, 0.1, 0.05, 0.02])
@pytest.mark.parametrize("domain", [Box(), Disk(), L_SHAPE], ids=["square", "disk", "L"])
def test_interior_count(domain, h):
    """volume/h^2 to 1.16 times that many (1.16 is the hexagonal packing)."""
    count = len(domain.cloud(h)["interior"])
    assert 1.0 <= count * h**2 / domain.volume * (1 + 1e-9) <= 1.16


@pytest.mark.parametrize("h", [0.1, 0.04])
@pytest.mark.parametrize("domain", PLANE, ids=repr)
def test_evenness_in_the_plane(domain, h):
    cloud = domain.cloud(h)
    least, median, hole = quality(cloud, domain)
    assert least >= 0.6 * h
    assert 0.8 * h <= median <= 1.05 * h
    assert hole <= 1.0 * h
    assert hole / (least / 2) < 2.5


@pytest.mark.parametrize("domain", SPACE, ids=repr)
def test_evenness_in_space(domain):
    h = 0.125
    cloud = domain.cloud(h)
    least, median, hole = quality(cloud, domain)
    assert least >= 0.6 * h
    assert 0.8 * h <= median <= 1.05 * h
    assert hole <= 1.0 * h
    assert 1.0 <= len(cloud["interior"]) * h**3 / domain.volume <= 1.16


@pytest.mark.parametrize("domain", [*PLANE, *SPACE], ids=repr)
def test_interior_nodes_keep_half_a_spacing_from_the_boundary(domain):
    h = 0.15 if domain.dim == 2 else 0.25
    cloud = domain.cloud(h)
    fine = boundary_nodes(domain, Spacing(h / 8 if domain.dim == 2 else h), np.random.default_rng(0))
    border = np.concatenate([part.points for part in fine.values()])
    assert cKDTree(border).query(cloud["interior"])[0].min() > 0.45 * h
    assert np.all(domain.distance(cloud["interior"]) < 0) or domain is L_UNION


def test_union_has_nodes_across_the_common_side():
    cloud = L_UNION.cloud(0.05)
    strip = np.abs(cloud["interior"] - [0.5, 1.0]) < [0.4, 0.05]
    assert np.all(strip, axis=1).sum() >= 20
    for part in cloud.normals:
        X = cloud[part]
        assert not np.any((np.abs(X[:, 1] - 1) < 1e-6) & (X[:, 0] > 1e-6) & (X[:, 0] < 1 - 1e-6))


KINDS = [("quasi-uniform", domain) for domain in (*ALL[:2], Box(), BITTEN, L_UNION, Ball(), BITTEN_CUBE)]
KINDS += [(kind, domain) for kind in ("halton", "random") for domain in (Interval(), Box(), L_SHAPE, Ball())]


@pytest.mark.parametrize(("kind", "domain"), KINDS)
def test_seeds(kind, domain):
    h = {1: 0.05, 2: 0.2, 3: 0.5}[domain.dim]
    one, same, other = (domain.cloud(h, seed=seed, interior=kind) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.points, same.points)
    assert not np.array_equal(one["interior"], other["interior"])
    assert tuple(one.normals) == domain.part_names
    assert np.all(domain.contains(one["interior"])) and one.domain == domain


@pytest.mark.parametrize("kind", ["halton", "random"])
def test_scattered_interiors_have_volume_over_spacing_nodes(kind):
    assert len(Box().cloud(1 / 9, interior=kind)["interior"]) == 81
    assert len(L_SHAPE.cloud(0.1, interior=kind)["interior"]) == 300
    assert len(Interval().cloud(0.1, interior=kind)["interior"]) == 10


def test_nodes_are_no_lattice():
    cloud = Box().cloud(0.1)
    for axis in range(2):
        assert len(np.unique(np.round(cloud["interior"][:, axis], 9))) == len(cloud["interior"])


# ------------------------------------------------------------------------------------- the boundary


@pytest.mark.parametrize("domain", ALL, ids=repr)
def test_boundary_nodes_lie_on_the_boundary_with_outward_normals(domain):
    """The shape ends across every node: in along -n, out along n, for corners too (n leans on both sides)."""
    cloud = domain.cloud({1: 0.05, 2: 0.07, 3: 0.2}[domain.dim])
    for part in cloud.normals:
        X, N = cloud[part], cloud.normals[part]
        np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1)
        assert np.max(np.abs(domain.distance(X))) < 1e-11
        assert np.all(domain.contains(X - 1e-4 * N)) and not np.any(domain.contains(X + 1e-4 * N))


@pytest.mark.parametrize("domain", [Box(), Disk((1, 2), 0.5), Ball(), CUBE], ids=repr)
def test_normals_are_the_gradient_of_the_distance(domain):
    cloud = domain.cloud(0.12 if domain.dim == 2 else 0.3)
    eps = 1e-6
    for part in cloud.normals:
        X, N = cloud[part], cloud.normals[part]
        steps = eps * np.eye(domain.dim)
        gradient = np.stack([domain.distance(X + e) - domain.distance(X - e) for e in steps], 1) / (2 * eps)
        smooth = np.abs(np.linalg.norm(gradient, axis=1) - 1) < 1e-4  # not at corners and edges
        assert smooth.sum() >= 1
        np.testing.assert_allclose(N[smooth], gradient[smooth], atol=1e-5)


def test_corners_of_the_square():
    cloud = Box().cloud(0.1)
    s = np.sqrt(0.5)
    for x, part, n in [
        ((0, 0), "left", (-s, -s)),
        ((0, 1), "left", (-s, s)),
        ((1, 0), "right", (s, -s)),
        ((1, 1), "right", (s, s)),
    ]:
        owner, normal = normal_at(cloud, x)
        assert owner == part
        np.testing.assert_allclose(normal, n)
    assert [len(cloud[part]) for part in cloud.normals] == [11, 11, 9, 9]


def test_corners_and_edges_of_the_cube():
    cloud = CUBE.cloud(0.25)
    t, s = np.sqrt(1 / 3), np.sqrt(0.5)
    for x, part, n in [
        ((0, 0, 0), "left", (-t, -t, -t)),
        ((1, 1, 0), "right", (t, t, -t)),
        ((0, 0.25, 1), "left", (-s, 0, s)),
        ((0.5, 0, 0), "bottom", (0, -s, -s)),
        ((0.75, 1, 1), "top", (0, s, s)),
    ]:
        owner, normal = normal_at(cloud, x)
        assert owner == part
        np.testing.assert_allclose(normal, n)


@pytest.mark.parametrize("domain", [L_SHAPE, L_UNION], ids=["difference", "union"])
def test_the_l_shape(domain):
    cloud = domain.cloud(0.1)
    s = np.sqrt(0.5)
    np.testing.assert_allclose(normal_at(cloud, (1, 1))[1], (s, s))
    np.testing.assert_allclose(normal_at(cloud, (1, 2))[1], (s, s))
    np.testing.assert_allclose(normal_at(cloud, (2, 1))[1], (s, s))
    np.testing.assert_allclose(normal_at(cloud, (0, 1))[1], (-1, 0))
    np.testing.assert_allclose(normal_at(cloud, (1, 1.5))[1], (1, 0))
    assert sum(len(cloud[part]) for part in cloud.normals) == 80


def test_a_disk_that_bites_the_side():
    cloud = BITTEN.cloud(0.05)
    for x, sign in ((0.2, 1), (0.8, -1)):
        part, normal = normal_at(cloud, (x, 1))
        assert part == "top"
        np.testing.assert_allclose(normal, (sign * np.sqrt(0.5), np.sqrt(0.5)))
    away = cloud["bite"] - [0.5, 1]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 0.3, rtol=1e-12)
    np.testing.assert_allclose(cloud.normals["bite"], -away / 0.3, atol=1e-12)
    assert np.all((cloud["top"][:, 0] < 0.2 + 1e-9) | (cloud["top"][:, 0] > 0.8 - 1e-9))


def test_crossings_are_found_to_round_off():
    """Two unit disks, one apart, meet at (1/2, ±√3/2)."""
    cloud = (Disk() | Disk((1, 0), name="second")).cloud(0.1)
    for y in (-np.sqrt(0.75), np.sqrt(0.75)):
        near = cloud["boundary"][np.argmin(np.linalg.norm(cloud["boundary"] - [0.5, y], axis=1))]
        np.testing.assert_allclose(near, [0.5, y], atol=2e-12)


def test_a_shallow_crossing_is_not_missed():
    """The disk reaches 1e-5 beyond the side: the crossing is 1 % as long as the samples are apart."""
    shape = Box() - Disk((0.5, 1.1), 0.1 + 1e-5, name="scratch")
    cut = cutting_angle = np.sqrt((0.1 + 1e-5) ** 2 - 0.1**2)
    assert "scratch" in shape.part_names
    normal_at(shape.cloud(0.1), (0.5 - cutting_angle, 1))
    normal_at(shape.cloud(0.1), (0.5 + cut, 1))


@pytest.mark.parametrize("offset", [1e6, -1e4, 0.0])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e8])
def test_any_place_and_size(offset, size):
    """The same shape moved and magnified has the same numbers of nodes, as far as float64 resolves it."""
    if abs(offset) > 1e7 * size:
        return
    moved = Box((offset, offset), (offset + size, offset + size))
    moved -= Disk((offset + size / 2, offset + size), 0.3 * size, name="bite")
    assert moved.volume == pytest.approx(BITTEN.volume * size**2, rel=1e-6)
    assert moved.cloud(0.1 * size).counts == BITTEN.cloud(0.1).counts


def test_shapes_that_touch_share_the_node():
    inscribed = (Box() - Disk((0.5, 0.5), 0.5, name="hole")).cloud(0.05)
    for x in ((0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)):
        normal_at(inscribed, x)
    kissing = (Disk() | Disk((2, 0), name="second")).cloud(0.1)
    assert normal_at(kissing, (1, 0))[0] == "boundary"
    corner_to_corner = (Box() | Box((1, 1), (2, 2), name="second")).cloud(0.1)
    assert normal_at(corner_to_corner, (1, 1))[0] == "right"  # the four normals cancel: one of them is kept


def test_a_cut_that_bounds_nothing_leaves_no_corner():
    """The disk ends where it meets the left half's side; its circle goes on, nodes by arc length all round."""
    hole = Disk((0.5, 0.5), 0.3, name="hole")
    plain, cloud = Box() - hole, Box() - hole - (Box((0.5, 0), (1, 1)) & Disk((0.5, 0.5), 0.2))
    assert cloud.volume == pytest.approx(plain.volume, rel=1e-12)
    assert cloud.cloud(0.07).counts[1:] == plain.cloud(0.07).counts[1:]
    np.testing.assert_allclose(np.ptp(np.diff(np.sort(angles(cloud.cloud(0.07)["hole"] - 0.5)))), 0, atol=1e-6)


def angles(X):
    """Polar angles of points of the plane."""
    return np.arctan2(X[:, 1], X[:, 0])


def test_identical_shapes_make_one_boundary():
    for shape in (Box() | Box(), Box() & Box(), Disk() | Disk(), CUBE | CUBE):
        h = 0.1 if shape.dim == 2 else 0.5
        same = shape.left.cloud(h)
        cloud = shape.cloud(h)
        assert sum(map(len, map(cloud.normals.get, cloud.normals))) == pytest.approx(
            len(same.normal_vectors), abs=3 * (shape.dim == 3)
        )


@pytest.mark.parametrize("upper", [(1, 1, 2), (0.5, 1, 2)], ids=["flush", "step"])
def test_stacked_boxes_are_seamless(upper):
    """No node inside; across the seam of flush sides, normals are those of the side."""
    shape = CUBE | Box((0, 0, 1), upper)
    cloud = shape.cloud(0.2)
    for part in cloud.normals:
        X, N = cloud[part], cloud.normals[part]
        flat = (X[:, 0] == 0) & (X[:, 1] > 0.01) & (X[:, 1] < 0.99) & (X[:, 2] > 0.01) & (X[:, 2] < 1.99)
        assert np.all(N[flat] == [-1, 0, 0])
        assert not np.any(shape.contains(X + 1e-4 * N))
    if upper[0] < 1:
        np.testing.assert_allclose(normal_at(cloud, (0.5, 0.4, 1))[1], (np.sqrt(0.5), 0, np.sqrt(0.5)))


def test_the_circle_where_a_ball_leaves_a_cube():
    cloud = BITTEN_CUBE.cloud(0.1)
    X = np.concatenate([cloud[part] for part in cloud.normals])
    arc = X[(X[:, 2] == 1) & (np.abs(np.linalg.norm(X - 1, axis=1) - 0.6) < 1e-9)]
    angle = np.sort(np.arctan2(1 - arc[:, 1], 1 - arc[:, 0]))
    assert angle[0] == pytest.approx(0, abs=1e-9) and angle[-1] == pytest.approx(np.pi / 2)
    gaps = 0.6 * np.diff(angle)
    assert np.all((gaps > 0.06) & (gaps < 0.15))


def combine(operation, a, b):
    """`a | b`, `a & b` or `a - b`."""
    return {"|": a | b, "&": a & b, "-": a - b}[operation]


@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(0.2, 1.0), st.sampled_from("|&-"))
@settings(max_examples=12, deadline=None)
def test_any_disk_with_any_square(x, y, radius, operation):
    shape = combine(operation, Box((-1, -1), (1, 1)), Disk((x, y), radius, name="disk"))
    if shape.volume < 0.05:
        return
    cloud = shape.cloud(0.09)
    border = np.concatenate([cloud[part] for part in cloud.normals])
    assert np.max(np.abs(shape.distance(border))) < 1e-10
    # Every point of the true boundary has a node within a spacing: nothing was left out.
    fine = [piece.point(np.linspace(0, 1, 400)) for leaf in shape.leaves for piece in leaf.pieces]
    fine = np.concatenate(fine)
    fine = fine[np.abs(shape.distance(fine)) < 1e-12]
    assert cKDTree(border).query(fine)[0].max() < 0.12


# ---------------------------------------------------------------------------------- graded, clustered


def numpy_rule(x):
    return 0.02 + 0.15 * np.linalg.norm(x - np.array([1.0, 1.0]))


def jax_rule(x):
    return 0.02 + 0.15 * jnp.linalg.norm(x - jnp.array([1.0, 1.0]))


def branching_rule(x):
    return 0.05 if x[0] < 0.5 else 0.1


@pytest.mark.parametrize("domain", [Box(), L_SHAPE], ids=["square", "L"])
def test_graded_nodes_follow_the_spacing(domain):
    cloud = domain.cloud(numpy_rule)
    nearest = cKDTree(cloud.points).query(cloud.points, 2)[0][:, 1]
    ratio = nearest / np.array([numpy_rule(x) for x in cloud.points])
    assert 0.8 < np.median(ratio) < 1.05
    assert ratio.min() > 0.5 and ratio.max() < 1.4
    side = np.sort(cloud["left"][np.abs(cloud["left"][:, 0]) < 1e-9][:, 1])
    middle = np.stack([np.zeros(len(side) - 1), (side[1:] + side[:-1]) / 2], axis=1)
    np.testing.assert_allclose(np.diff(side), [numpy_rule(x) for x in middle], rtol=0.15)


def test_spacing_may_be_written_with_numpy_or_jax():
    a, b = Box().cloud(numpy_rule), Box().cloud(jax_rule)
    assert len(a) == pytest.approx(len(b), abs=3)
    assert len(Box().cloud(branching_rule)) > len(Box().cloud(0.1))


def test_graded_in_space_and_on_the_line():
    ball = Ball().cloud(lambda x: 0.15 + 0.15 * abs(x[0] + 1))
    assert np.mean(ball["boundary"][:, 0]) < -0.3 and np.mean(ball["interior"][:, 0]) < -0.2
    line = Interval().cloud(lambda x: 0.01 + 0.1 * x[0])
    expected = np.log(0.11 / 0.01) / 0.1  # the integral of 1/h
    assert len(line["interior"]) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_boxes_and_balls_cluster_by_their_maps(strength):
    def bend(t):
        return (1 - strength) * t + strength * np.sin(np.pi * t / 2)

    plain, cloud = Box().cloud(0.1), Box().cloud(0.1, cluster=strength)
    np.testing.assert_allclose(cloud.points, (1 + bend(2 * plain.points - 1)) / 2, atol=1e-14)
    assert np.all(cloud["left"][:, 0] == 0) and np.all(cloud["top"][:, 1] == 1)
    plain, cloud = Interval(-1, 1).cloud(0.1), Interval(-1, 1).cloud(0.1, cluster=strength)
    np.testing.assert_allclose(cloud.points, bend(plain.points), atol=1e-14)
    for domain in (Disk((1, 2), 3.0), Ball()):
        plain, cloud = domain.cloud(0.3), domain.cloud(0.3, cluster=strength)
        rho, bent = (np.linalg.norm(c.points - domain.center, axis=1) / domain.radius for c in (plain, cloud))
        np.testing.assert_allclose(bent, bend(rho), atol=1e-14)


def test_other_domains_cluster_by_grading():
    cloud = L_SHAPE.cloud(0.1, cluster=1)
    nearest = cKDTree(cloud.points).query(cloud.points, 2)[0][:, 1]
    border = len(cloud["interior"])
    assert np.median(nearest[border:]) == pytest.approx(0.025, rel=0.2)
    deep = L_SHAPE.distance(cloud["interior"]) < -0.4
    assert np.median(nearest[:border][deep]) > 0.075
    shell = Ball() - Ball(radius=0.5, name="core")
    assert len(shell.cloud(0.4, cluster=0.5)) > len(shell.cloud(0.4))


@pytest.mark.parametrize("h", [0.5, 0.7])
@pytest.mark.parametrize("domain", [Box(), Disk(), CUBE, Ball()], ids=repr)
def test_coarse_clouds_keep_every_part(domain, h):
    cloud = domain.cloud(h)
    assert tuple(cloud.parts) == ("interior", *domain.part_names)


# ------------------------------------------------------------------------------------------- errors

ERRORS = [
    ({"spacing": 0}, ValueError, "spacing must be positive and finite, got 0"),
    ({"spacing": np.nan}, ValueError, "spacing must be positive and finite, got nan"),
    ({"spacing": "fine"}, TypeError, "a positive number or a function of x, got 'fine'"),
    ({"spacing": 1.5}, ValueError, r"spacing=1.5 leaves no room .* of size 1 x 1; use a smaller"),
    ({"spacing": 1e-5}, ValueError, "about 1.0e.* nodes, more than the 2e.07"),
    ({"spacing": lambda x: x[0] - 0.5}, ValueError, r"spacing\(x\) returned .* at x = \("),
    ({"spacing": lambda x: x}, ValueError, r"must return a number for x of shape \(d,\), got shape \(2,\)"),
    ({"spacing": 0.1, "cluster": 1.5}, ValueError, r"cluster must lie in \[0, 1\] .* got 1.5"),
    (
        {"spacing": 0.1, "interior": "grid"},
        ValueError,
        "one of 'quasi-uniform', 'halton', 'random', got 'grid'",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        Box().cloud(**arguments)
