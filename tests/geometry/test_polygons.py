"""Polygons: membership and distance against shapely, names, corners, reading GeoJSON, refusals."""

import functools
import json
import operator
import time

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import meshfree as mf
from meshfree.geometry.shapes.nearest_simplex import NearestSimplex

L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
TRIANGLE = [(1, 0.5), (2, 0.5), (1.5, 1.5)]
OUTER = [(0, 0), (3, 0), (3, 2), (0, 2)]
HOLED = mf.Polygon(OUTER, holes=[TRIANGLE])


def star(count, seed, depth=0.5):
    """A random star-shaped ring."""
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * (np.arange(count) + 0.9 * rng.random(count)) / count, 1 - depth * rng.random(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


# ------------------------------------------------------------------------------------------- as a set


@given(st.integers(3, 60), st.integers(0, 10_000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_distance_and_membership_are_those_of_shapely(count, seed, turned):
    ring = star(count, seed)[:: -1 if turned else 1]
    hole = 0.2 * star(5, seed + 1)
    shape = mf.Polygon(ring, holes=[hole] if shapely.Polygon(ring).contains(shapely.Polygon(hole)) else [])
    same = shapely.Polygon(shape.vertices, shape.holes)
    X = np.random.default_rng(seed).uniform(-1.2, 1.2, (500, 2))
    inside = shapely.contains_xy(same, *X.T)
    np.testing.assert_array_equal(shape.contains(X), inside)
    gap = shapely.distance(shapely.points(X), same.boundary)
    np.testing.assert_allclose(shape.distance(X), np.where(inside, -gap, gap), rtol=1e-12, atol=1e-14)
    assert shape.volume == pytest.approx(same.area, rel=1e-12)
    np.testing.assert_array_equal(np.concatenate(shape.bounds), same.bounds)


def test_the_boundary_belongs_to_the_polygon():
    """Vertices, level edges and points at the height of a vertex too."""
    ring = np.array(L_SHAPE, dtype=float)
    edges = [a + t * (b - a) for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True) for t in (0, 0.3, 0.5)]
    shape = mf.Polygon(L_SHAPE)
    assert shape.contains(edges).all()
    np.testing.assert_array_equal(shape.contains([[0.5, 1], [1.5, 1.01], [3, 1], [-1, 1], [-1, 0]]), [1, 0, 0, 0, 0])
    assert shape.contains(np.empty((0, 2))).shape == (0,)
    assert shape.distance(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_thousand_edges_at_any_place(offset):
    ring = star(1000, 0) + offset
    shape, same = mf.Polygon(ring), shapely.Polygon(ring)
    X = np.random.default_rng(0).uniform(-1.1, 1.1, (20_000, 2)) + offset
    assert np.sum(shape.contains(X) != shapely.contains_xy(same, *X.T)) == 0
    gap = shapely.distance(shapely.points(X), same.boundary)
    np.testing.assert_allclose(np.abs(shape.distance(X)), gap, rtol=1e-9, atol=1e-14 * (1 + offset))


def test_thousands_of_vertices_in_hundreds_of_holes():
    """In a second, where a look at every hole for every other would take a minute."""
    holes = [0.4 * star(50, i) + (i % 17, i // 17) for i in range(289)]
    start = time.process_time()
    shape = mf.Polygon([(-1, -1), (17, -1), (17, 17), (-1, 17)], holes)
    assert time.process_time() - start < 2
    X = np.random.default_rng(0).uniform(-1, 17, (2000, 2))
    hit = sum(mf.Polygon(hole).contains(X) for hole in holes)
    np.testing.assert_array_equal(shape.contains(X), hit == 0)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("place", [0.0, 1e5])
def test_holes_may_touch_at_vertices_however_coordinates_are_rounded(angle, place):
    """A vertex on a slanted side lies a rounding error to one side of it or the other."""
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    rings = [OUTER, [(0, 1), (1, 0.3), (1, 1)], [(1, 0.7), (1.7, 2), (1.2, 1.3)], [(3, 0), (2, 0.4), (2.5, 0.7)]]
    outer, *holes = (np.array(ring) @ turn / 3 + place for ring in rings)
    shape = mf.Polygon(outer, holes)
    X = np.concatenate([outer, *holes])
    assert shape.contains(X).all() and not shape.contains([hole.mean(axis=0) for hole in holes]).any()


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 257])
def test_the_nearest_simplex_is_the_nearest_of_all(k, count):
    """One by one, as a convex problem: the least distance to a mixture of the corners."""
    rng = np.random.default_rng(count)
    corners = rng.normal(size=(count, 1, 3)) + 0.3 * rng.normal(size=(count, k, 3))
    X = 2 * rng.normal(size=(40, 3))
    hit = NearestSimplex(corners)(X)
    t = np.linspace(0, 1, 41)
    weights = np.array([(1 - a, a) for a in t] if k == 2 else [(a, b, 1 - a - b) for a in t for b in t if a + b <= 1])
    lattice = np.einsum("wk,mkd->mwd", weights, corners).reshape(-1, 3)
    brute = np.linalg.norm(X[:, None] - lattice, axis=2).min(axis=1)
    assert np.all(hit.distance <= brute + 1e-12) and np.all(brute - hit.distance < 0.05)
    np.testing.assert_allclose(np.linalg.norm(X - hit.point, axis=1), hit.distance)
    own = np.array([NearestSimplex(corners[[i]])(x[None]).distance[0] for i, x in zip(hit.simplex, X, strict=True)])
    np.testing.assert_allclose(own, hit.distance, rtol=1e-12)


def test_a_polygon_is_a_value():
    assert mf.Polygon(L_SHAPE) == mf.Polygon(np.array(L_SHAPE)) and hash(HOLED) == hash(mf.Polygon(OUTER, [TRIANGLE]))
    assert mf.Polygon([*L_SHAPE, L_SHAPE[0]]) == mf.Polygon(L_SHAPE)
    assert repr(mf.Polygon(TRIANGLE)) == "Polygon(((1.0, 0.5), (2.0, 0.5), (1.5, 1.5)))"
    assert repr(mf.Polygon(star(99, 0), [0.1 * star(5, 0)])) == "Polygon(<99 vertices>, <1 holes>)"


# --------------------------------------------------------------------------------------------- clouds


def node_at(cloud, x):
    """(part, normal, side normal) of the only node at x."""
    rows = [
        (part, cloud.normals[part][i], cloud.side_normals[part][i])
        for part in cloud.normals
        for i in np.flatnonzero(np.linalg.norm(cloud[part] - x, axis=1) < 1e-12)
    ]
    assert len(rows) == 1, f"{len(rows)} nodes at {x}"
    return rows[0]


@pytest.mark.parametrize("turned", [False, True])
def test_edges_carry_names(turned):
    """In either direction; equal names are one part, a corner belongs to the first of its two."""
    names = ["floor", "wall", "step", "step", "top", "wall"]
    ring = L_SHAPE[::-1] if turned else L_SHAPE
    names = names[-2::-1] + names[-1:] if turned else names
    shape = mf.Polygon(ring, names=names)
    cloud = shape.cloud(0.1)
    assert set(shape.part_names) == {"floor", "wall", "step", "top"}
    middles = {(1, 0): "floor", (2, 0.5): "wall", (1.5, 1): "step", (1, 1.5): "step", (0.5, 2): "top", (0, 1): "wall"}
    outward = [(0, -1), (1, 0), (0, 1), (1, 0), (0, 1), (-1, 0)]
    for (x, part), n in zip(middles.items(), outward, strict=True):
        owner, normal, side = node_at(cloud, x)
        assert owner == part
        np.testing.assert_array_equal([normal, side], [n, n])
    owner, normal, side = node_at(cloud, (1, 1))
    np.testing.assert_allclose(normal, np.sqrt([0.5, 0.5]))
    assert owner == "step" and tuple(side) in {(0, 1), (1, 0)}


def test_names_survive_the_algebra():
    shape = mf.Polygon(OUTER, names=list("abcd")) - mf.Disk((1, 1), 0.5, name="hole") - mf.Polygon(TRIANGLE, name="cut")
    assert shape.part_names == ("a", "b", "c", "d", "hole", "cut")
    assert (HOLED & mf.Box((0, 0), (1.5, 2), name="half")).part_names == ("boundary", "half")
    assert (HOLED | mf.Disk((1.5, 1), 0.75)).volume == pytest.approx(6.0, rel=1e-9)


SHAPES = {
    "L": mf.Polygon(L_SHAPE),
    "holed": HOLED,
    "star": mf.Polygon([(r * np.cos(i * np.pi / 5), r * np.sin(i * np.pi / 5)) for i, r in enumerate([0.4, 1] * 5)]),
    "wedge": mf.Polygon([(0, 0), (1, 0), (1, 0.2)]),
    "slit": mf.Polygon([(0, 0), (1, 0), (1, 1), (0.52, 1), (0.5, 0.3), (0.48, 1), (0, 1)]),
    "touching hole": mf.Polygon(OUTER, holes=[[(0, 0), (1, 1), (1, 0.5)]]),
}  # fmt: skip


@pytest.mark.parametrize("h", [0.05, 0.02])
@pytest.mark.parametrize("name", SHAPES)
def test_clouds_are_even_with_every_corner_a_node(name, h):
    shape = SHAPES[name]
    cloud = shape.cloud(h)
    assert cloud.quality(h).mesh_ratio < 2.5
    for x in np.concatenate([shape.vertices, *shape.holes]):
        node_at(cloud, x)
    border, N = cloud["boundary"], cloud.normals["boundary"]
    assert np.abs(shape.distance(border)).max() < 1e-14 * 3
    np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1)
    assert shape.distance(cloud["interior"]).max() <= -0.5 * h
    inside, outside = shape.contains(border - 1e-5 * N), shape.contains(border + 1e-5 * N)
    assert inside.all() and not outside.any()


def test_many_short_edges_make_a_smooth_boundary():
    """1000 edges of the circle at a spacing of 16 edges: nodes by arc length, on the edges, none of them crowded."""
    angle = 2 * np.pi * np.arange(1000) / 1000
    cloud = mf.Polygon(np.stack([np.cos(angle), np.sin(angle)], axis=1)).cloud(0.1)
    assert 55 <= len(cloud["boundary"]) <= 66
    assert cloud.quality(0.1).mesh_ratio < 2.5
    np.testing.assert_allclose(cloud.normals["boundary"], cloud["boundary"], atol=0.004)


def test_corners_closer_than_the_spacing_are_thinned_sharpest_first():
    """A notch of width 0.02: at a spacing of 0.1 its tip stays, and of its mouth nothing; at 0.02 all of it does."""
    notched = mf.Polygon([(0, 0), (1, 0), (1, 1), (0.51, 1), (0.5, 0.97), (0.49, 1), (0, 1)])
    coarse, fine = notched.cloud(0.1), notched.cloud(0.02)
    node_at(coarse, (0.5, 0.97))
    assert np.linalg.norm(coarse["boundary"] - [0.51, 1], axis=1).min() > 0.01
    for x in [(0.51, 1), (0.5, 0.97), (0.49, 1)]:
        node_at(fine, x)
    assert coarse.quality(0.1).mesh_ratio < 2.5


def test_same_seed_same_cloud():
    one, same, other = (HOLED.cloud(0.1, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.points, same.points)
    assert not np.array_equal(one["interior"], other["interior"])


def test_graded_nodes():
    cloud = HOLED.cloud(lambda x: 0.02 + 0.1 * np.linalg.norm(x - np.array([1.0, 0.5])))
    assert cloud.quality(lambda x: 0.02 + 0.1 * np.linalg.norm(x - np.array([1.0, 0.5]))).mesh_ratio < 2.5


# --------------------------------------------------------------------------------- shapely and GeoJSON

GEOMETRY = {"type": "Polygon", "coordinates": [[*OUTER, OUTER[0]], [*TRIANGLE, TRIANGLE[0]]]}
FEATURE = {"type": "Feature", "properties": {}, "geometry": GEOMETRY}
AWAY = {"type": "Polygon", "coordinates": [[[5, 0, 7], [6, 0, 7], [5, 1, 7]]]}


@pytest.mark.parametrize(
    "source",
    [
        GEOMETRY,
        FEATURE,
        {"type": "FeatureCollection", "features": [{**FEATURE, "geometry": None}, FEATURE]},
        json.dumps(FEATURE),
    ],
    ids=["geometry", "feature", "collection", "text"],
)
def test_geojson(source):
    assert mf.Polygon.from_geojson(source) == HOLED


def test_geojson_files_and_several_polygons(tmp_path):
    both = {"type": "GeometryCollection", "geometries": [GEOMETRY, {"type": "Point", "coordinates": [0, 0]}, AWAY]}
    path = tmp_path / "two.geojson"
    path.write_text(json.dumps(both))
    for source in (path, str(path)):
        assert mf.Polygon.from_geojson(source) == HOLED | mf.Polygon([(5, 0), (6, 0), (5, 1)])
    several = {"type": "MultiPolygon", "coordinates": [GEOMETRY["coordinates"], AWAY["coordinates"]]}
    assert mf.Polygon.from_geojson(several, name="coast").part_names == ("coast",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_geojson_bom(tmp_path, encoding):
    """A mark of the byte order before the text, in files and in texts."""
    path = tmp_path / "bom.geojson"
    path.write_bytes(json.dumps(FEATURE).encode(encoding))
    assert mf.Polygon.from_geojson(path) == HOLED
    assert mf.Polygon.from_geojson("\ufeff" + json.dumps(FEATURE)) == HOLED


RINGS = {
    "closes to 6e-16": [(1, 0), (0.5, 0.1), (0, 0), (0.5, -0.1), (0.9999999999999994, 0)],
    "vertex twice in a row": [(0, 0), (1, 0), (1, 0), (1, 1), (0, 1), (0, 0)],
    "vertex three times": [(0, 0), (1, 0), (1, 0), (1, 1e-17), (1, 1), (0, 1)],
    "closed twice": [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 0)],
    "far away": [(500000, 4000000), (500010, 4000000), (500010, 4000010), (500000, 4000000.0000000005)],
}


@pytest.mark.parametrize("kind", RINGS)
@pytest.mark.parametrize("turned", [False, True])
def test_ring_closure(kind, turned):
    """As shapely sees these rings, and as holes too."""
    ring = RINGS[kind][::-1] if turned else RINGS[kind]
    exact = shapely.Polygon(ring)
    assert exact.is_valid
    assert mf.Polygon(ring).volume == pytest.approx(exact.area)
    low, high = np.min(ring, axis=0) - 1, np.max(ring, axis=0) + 1
    around = [low, (high[0], low[1]), high, (low[0], high[1])]
    assert mf.Polygon(around, [ring]).volume == pytest.approx(np.prod(high - low) - exact.area)


@pytest.mark.parametrize(
    ("ring", "names"),
    [
        ([(0, 0), (1, 0), (1, 1), (0, 1)], "abcd"),
        ([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], "abcd"),
        ([(0, 0), (1, 0), (1, 0), (1, 1), (0, 1)], "axbcd"),
        ([(0, 0), (1, 0), (1, 1), (0, 1), (0, 1), (0, 0), (0, 0)], "abcxdx"),
        ([(0, 0), (1, 0), (1, 0), (1, 1), (0, 1)], "abcd"),
    ],
)
def test_names_of_edges_without_length_are_left_out(ring, names):
    edges = {piece.part: piece.start for piece in mf.Polygon(ring, names=list(names)).pieces}
    assert edges == {"a": (0, 0), "b": (1, 0), "c": (1, 1), "d": (0, 1)}


def test_shapely():
    assert mf.Polygon.from_shapely(shapely.Polygon(OUTER, [TRIANGLE])) == HOLED
    both = shapely.MultiPolygon([shapely.Polygon(OUTER), shapely.box(5, 5, 6, 6)])
    assert mf.Polygon.from_shapely(both).volume == pytest.approx(7)


# --------------------------------------------------------------------------------------------- errors

BOW = [(0, 0), (1, 1), (1, 0), (0, 1)]
INNER = [(0.2, 0.2), (0.8, 0.2), (0.5, 0.8)]
# Outer rings that meet the lower side of a hole, y = 0: one enters the hole from vertex to vertex, one runs along it.
ENTERING = [(-1, -3), (1, -1), (2, 0), (2.5, 0.5), (3, 0), (4, -1), (6, -3), (6, 3), (-1, 3)]
STEPPED = [(-1, -3), (0.5, -1), (1, 0), (1.001, 1e-11), (2, -1), (6, -3), (6, 3), (-1, 3)]
ERRORS = [
    ([(0, 0), (1, 0)], {}, ValueError, r"at least 3 vertices, got 2: \[\[0.0, 0.0\], \[1.0, 0.0\]\]"),
    ([(0, 0), (1, 0), (0, 0)], {}, ValueError, "at least 3 vertices, got 2"),
    ([], {}, ValueError, r"shape \(n, 2\), got shape \(0,\)"),
    (BOW, {}, ValueError, r"crosses or touches itself: edge 0 .*from \(0, 0\) to \(1, 1\) meets edge 2 .*in order"),
    ([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)], {}, ValueError, "touches itself"),
    ([(0, 0), (2, 0), (1, 0), (1, 1)], {}, ValueError, "crosses or touches itself"),
    ([(0, 0), (1, 1), (2, 2)], {}, ValueError, "enclose an area, got all on one line"),
    ([(0, 0), (1, 0), (1, 0), (0, 0)], {}, ValueError, "at least 3 vertices, got 2"),
    ([(0, 0), (1, 0), (1, 1), (1, 0), (0, 1)], {}, ValueError, r"\(1, 0\) as number 1 again as number 3; .*a | b"),
    ([(0, 0), (1, 0), (np.nan, 1)], {}, ValueError, r"finite vertices, got \(nan, 1\) as number 2"),
    ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], {}, ValueError, r"shape \(n, 2\), got shape \(3, 3\)"),
    ([(0, 0), (1,), (0, 1)], {}, TypeError, "vertices as pairs of numbers"),
    ("abc", {}, TypeError, "vertices as pairs of numbers, got 'abc'"),
    (OUTER, {"holes": [np.array(TRIANGLE) + 9]}, ValueError, r"hole 0 has \(10, 9.5\) outside; .*a - b"),
    (OUTER, {"holes": [np.array(TRIANGLE) + 1]}, ValueError, "holes inside .* edge . of the outer ring .* of hole 0"),
    (OUTER, {"holes": [TRIANGLE, np.array(TRIANGLE) + 0.1]}, ValueError, "apart from each other: .*hole 0.*of hole 1"),
    (OUTER, {"holes": [TRIANGLE, [(1.4, 0.6), (1.6, 0.6), (1.5, 0.8)]]}, ValueError, "hole . has .* outside"),
    (OUTER, {"holes": [[(1, 0), (2, 0), (1, 1)]]}, ValueError, "edge 0 of the outer ring .* meets edge 0 "),
    (ENTERING, {"holes": [[(0, 2), (4, 2), (4, 0), (0, 0)]]}, ValueError, r"hole 0 has \(2.75, 0\) outside"),
    (STEPPED, {"holes": [[(0, 2), (4, 2), (4, 0), (0, 0)]]}, ValueError, "apart from each other: edge 2 .*edge 2 "),
    (OUTER, {"holes": [[(1, 1)]]}, ValueError, "at least 3 vertices of hole 0"),
    (OUTER, {"names": ["a", "b"]}, ValueError, r"one name for each of its 4 outer edges, got 2: \('a', 'b'\)"),
    (OUTER, {"names": "abcd"}, TypeError, "names as a sequence, one for each edge"),
    (OUTER, {"names": list("abcd"), "name": "all"}, TypeError, "for one name of the whole boundary"),
    (OUTER, {"names": ["a", "b", "c", None]}, TypeError, "a string as name of every edge, got None"),
    (OUTER, {"names": ["a", "b", "c", "interior"]}, ValueError, "cannot be named 'interior'"),
]  # fmt: skip


@pytest.mark.parametrize(("vertices", "more", "error", "message"), ERRORS)
def test_bad_polygons_are_refused(vertices, more, error, message):
    with pytest.raises(error, match=message):
        mf.Polygon(vertices, **more)


def test_bad_sources_are_refused(tmp_path):
    (tmp_path / "latin.geojson").write_bytes('{"type": "Wände"}'.encode("latin-1"))
    (tmp_path / "flat.geojson").write_text('{"type": "Polygon", "coordinates": [[[0, 0], [1, 0]]]}')
    (tmp_path / "rings.geojson").write_text('{"type": "Polygon", "coordinates": [[0, 0], [1, 0]]}')
    for source, error, message in [
        (tmp_path / "none.geojson", FileNotFoundError, r"no GeoJSON file at .*none\.geojson"),
        ('{"type": "Polygon"', ValueError, "the text is no GeoJSON"),
        (
            tmp_path / "latin.geojson",
            ValueError,
            r"latin\.geojson, line 1: the byte 0xe4 is not UTF-8; save ",
        ),
        (tmp_path / "flat.geojson", ValueError, r"flat\.geojson: Polygon needs at least 3 vertices"),
        (tmp_path / "rings.geojson", ValueError, r"rings\.geojson: a polygon in GeoJSON is a list of rings"),
        ({"type": "Point", "coordinates": [0, 0]}, ValueError, "must hold a Polygon or MultiPolygon .*, got Point"),
        (3, TypeError, "a path, text or a dictionary, got int"),
    ]:
        with pytest.raises(error, match=message):
            mf.Polygon.from_geojson(source)
    with pytest.raises(TypeError, match="needs a shapely polygon, got list"):
        mf.Polygon.from_shapely(OUTER)
    with pytest.raises(ValueError, match=r"must hold a Polygon .*, got Point"):
        mf.Polygon.from_shapely(shapely.Point(0, 0))


def test_a_spacing_larger_than_the_polygon_is_refused():
    with pytest.raises(ValueError, match=r"spacing=3.0 leaves no room for interior nodes in Polygon.* of size 3 x 2"):
        HOLED.cloud(3)
    with pytest.raises(ValueError, match="is empty, or all but empty; check how its shapes overlap"):
        (HOLED & mf.Disk((9, 9))).cloud(0.1)


def test_many_islands(monkeypatch):
    """The distance to a union is the least of its members', each of which is asked where it may be the nearest only."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    islands = [mf.Polygon(ring + np.array([3 * i, 3 * j])) for i in range(6) for j in range(6)]
    union = functools.reduce(operator.or_, islands)
    X = np.random.default_rng(0).uniform(-3, 20, (500, 2))
    least = np.min([island.distance(X) for island in islands], axis=0)
    asked, distance = [], mf.Polygon.distance
    monkeypatch.setattr(mf.Polygon, "distance", lambda self, Y: (asked.append(len(Y)), distance(self, Y))[1])
    np.testing.assert_allclose(union.distance(X), least, rtol=1e-12)
    assert sum(asked) < 4 * len(X), "of 36 members"
    assert union.distance(np.zeros((0, 2))).shape == (0,)
