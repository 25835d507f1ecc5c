"""Solids inside closed surfaces of triangles: distances, files, creases, nodes, and what is refused."""

import sys
from functools import cache

import numpy as np
import pytest
import trimesh

import meshfree as mf
from meshfree.geometry.shapes.nearest_simplex import NearestSimplex
from meshfree.geometry.shapes.space.triangle_creases import Creases
from meshfree.geometry.shapes.space.triangle_mesh import Triangulation, merged, solid_angles
from meshfree.geometry.shapes.space.triangle_patches import AreaMap, FacetPatch

BOX = mf.Box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))


@cache
def mesh(name):
    if name == "cube":
        return trimesh.creation.box()
    if name == "ball":
        return trimesh.creation.icosphere(3)
    if name == "cylinder":
        return trimesh.creation.cylinder(0.5, 1.0, sections=48)
    found = trimesh.creation.icosphere(4)  # a smooth blob
    X = found.vertices
    bumps = 1 + 0.2 * np.sin(3 * X[:, :1]) * np.cos(4 * X[:, 1:2]) + 0.1 * np.sin(5 * X[:, 2:])
    return trimesh.Trimesh(bumps * X * (1.3, 1, 0.8), found.faces, process=False)


@cache
def surface(name):
    return mf.TriangleSurface(mesh(name).vertices, mesh(name).faces)


def prism(ring):
    """The solid of height 1 over a ring in the plane that is all seen from its first vertex."""
    n, ring = len(ring), np.asarray(ring, float)
    vertices = np.concatenate([np.c_[ring, np.zeros(n)], np.c_[ring, np.ones(n)]])
    fan = [(0, i, i + 1) for i in range(1, n - 1)]
    floor = [(a, c, b) for a, b, c in fan]
    roof = [tuple(n + i for i in t) for t in fan]
    walls = [t for i in range(n) for j in [(i + 1) % n] for t in ((i, j, n + j), (i, n + j, n + i))]
    return vertices, np.array(floor + roof + walls)


L_RING = [(1, 1), (1, 2), (0, 2), (0, 0), (2, 0), (2, 1)]


# -------------------------------------------------------------------------------------- distance and volume


def test_a_cube_of_triangles_is_a_box():
    X = np.random.default_rng(0).uniform(-1, 1, (3000, 3))
    X[:500] = np.round(2 * X[:500]) / 2  # on the surface, edges, corners, and level with them
    cube = surface("cube")
    np.testing.assert_allclose(cube.distance(X), BOX.distance(X), atol=1e-15)
    assert np.array_equal(cube.contains(X), BOX.contains(X))
    assert cube.volume == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("name", ["ball", "blob"])
def test_the_sign_is_that_of_the_winding_number(name):
    """The solid angle of the whole surface is 4π from inside, 0 from outside; near vertices and edges too."""
    shape = surface(name)
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.uniform(*shape.bounds, (60, 3)), shape.vertices[:60] + 0.01 * rng.normal(size=(60, 3))])
    corners = shape.vertices[shape.triangles]
    inside = np.array([solid_angles(corners, x).sum() > 2 * np.pi for x in X])
    assert np.array_equal(shape.contains(X), inside)
    brute = np.min([NearestSimplex(corners[[i]])(X).distance for i in range(0, len(corners), 7)], axis=0)
    assert np.all(np.abs(shape.distance(X)) <= brute + 1e-13)


def test_the_sign_beside_a_saddle_and_a_sharp_edge():
    """Baerentzen & Aanaes: the normal of the nearest triangle alone would be wrong there."""
    vertices, triangles = prism([(0, 0), (1, -0.05), (1, 0.05)])
    blade = mf.TriangleSurface(vertices, triangles)
    X = np.array([(-0.1, y, z) for y in np.linspace(-0.3, 0.3, 41) for z in (-0.2, 0.5, 1.1)])
    assert not blade.contains(X).any()
    assert np.all(blade.distance(X) > 0)
    inside = np.array([(x, 0.0, 0.5) for x in np.linspace(0.01, 0.99, 20)])
    assert blade.contains(inside).all()


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_sphere_of_triangles_anywhere(offset):
    """Between the spheres through the vertices and to the facets' middles."""
    ball = mf.TriangleSurface(mesh("ball").vertices + offset, mesh("ball").faces)
    X = np.random.default_rng(0).uniform(-1.2, 1.2, (2000, 3))
    off = ball.distance(X + offset) - (np.linalg.norm(X, axis=1) - 1)
    assert np.all(off > -1e-10) and np.all(off < 0.005)
    assert ball.volume == pytest.approx(mesh("ball").volume, rel=1e-9)


def test_slender_triangles_lose_no_digits():
    """Heights of a hundred-millionth of the length: their foot is that of a segment."""
    a, b = np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])
    sliver = np.array([[a, b, (0.4, 1e-8, 0.0)]])
    X = np.random.default_rng(0).normal(size=(200, 3))
    hit, line = NearestSimplex(sliver)(X), NearestSimplex(sliver[:, :2])(X)
    np.testing.assert_allclose(hit.distance, line.distance, atol=2e-8)
    np.testing.assert_allclose(hit.point, line.point, atol=1e-7)


# ------------------------------------------------------------------------------------- reading and orienting


@pytest.mark.parametrize("turned", [slice(None), slice(0, None, 3), slice(5, 6)])
def test_orientations_are_repaired(turned):
    triangles = mesh("cube").faces.copy()
    triangles[turned] = triangles[turned, ::-1]
    cube = mf.TriangleSurface(mesh("cube").vertices, triangles)
    assert cube.volume == pytest.approx(1)
    assert np.array_equal(cube.contains([[0, 0, 0], [2, 0, 0]]), [True, False])


def test_a_surface_inside_another_bounds_a_cavity_and_one_in_that_an_island():
    box = mesh("cube")
    scales = np.array([1.0, 0.6, 0.2])
    vertices = np.concatenate([*(s * box.vertices for s in scales), box.vertices + np.array([3, 0, 0])])
    triangles = np.concatenate([box.faces + 8 * i for i in range(4)])
    triangles[12:24] = triangles[12:24, ::-1]
    for given in (triangles, triangles[:, ::-1]):
        shape = mf.TriangleSurface(vertices, given)
        assert shape.volume == pytest.approx(1 - 0.6**3 + 0.2**3 + 1)
        assert shape.contains([[0, 0, 0], [0.2, 0, 0], [0.4, 0, 0], [3, 0, 0]]).tolist() == [True, False, True, True]


def test_equal_vertices_are_merged_and_unused_ones_left_out():
    soup = mesh("cube").triangles.reshape(-1, 3)
    shape = mf.TriangleSurface(np.concatenate([[(9.0, 9.0, 9.0)], soup]), 1 + np.arange(36).reshape(-1, 3))
    assert len(shape.vertices) == 8 and shape.volume == pytest.approx(1)
    assert repr(shape) == "TriangleSurface(<8 vertices>, <12 triangles>)"


def test_it_is_a_value():
    one, two = (mf.TriangleSurface(mesh("cube").vertices, mesh("cube").faces) for _ in range(2))
    assert one == two and hash(one) == hash(two) and one != surface("ball") and one != 3
    assert one != mf.TriangleSurface(mesh("cube").vertices, mesh("cube").faces, name="hull")
    with pytest.raises(ValueError, match="read-only"):
        one.vertices[0, 0] = 1


@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"part{suffix}"
    mesh("ball").export(path)
    shape = mf.TriangleSurface.load(path, name="hull", angle=35)
    assert len(shape.triangles) == 1280 and len(shape.vertices) == 642
    assert shape.part_names == ("hull",) and shape.angle == 35
    assert shape.volume == pytest.approx(mesh("ball").volume, rel=1e-6)  # STL and PLY are in single precision


def test_bad_files(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no file at"):
        mf.TriangleSurface.load(tmp_path / "none.stl")
    with pytest.raises(ValueError, match=r"TriangleSurface is loaded from \.stl, \.obj, \.ply files, got 'a\.step'"):
        mf.TriangleSurface.load(tmp_path / "a.step")
    (tmp_path / "cut.stl").write_bytes(b"solid x" + b"\0" * 60)
    (tmp_path / "cut.ply").write_text("ply\nformat ascii 1.0\nelement vertex 3\nend_header\n0 0")
    for name in ("cut.stl", "cut.ply"):
        with pytest.raises(ValueError, match=f"{name} is damaged, or no .* file of triangles|holds no triangles"):
            mf.TriangleSurface.load(tmp_path / name)
    mesh("cube").export(tmp_path / "a.stl")
    monkeypatch.setitem(sys.modules, "trimesh", None)  # so importing it fails
    with pytest.raises(ImportError, match=r"\.stl file needs the package trimesh: pip install 'meshfree\[geometry\]'"):
        mf.TriangleSurface.load(tmp_path / "a.stl")


FACES = {"inlet": [0, 1, 3, 2], "outlet": [4, 6, 7, 5], "wall": [0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]}
CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)


def as_obj(word="g", group=lambda name: name):
    lines = ["# a cube", *(f"v {x} {y} {z} 0.5 0.5 0.5" for x, y, z in CORNERS), "vn 0 0 1"]
    for name, corners in FACES.items():
        lines.append(f"{word} {group(name)}")
        faces = np.reshape(corners, (-1, 4))
        lines += ["f " + " ".join(f"{i - 8}//1" if name == "inlet" else f"{i + 1}/1/1" for i in f) for f in faces]
    return "\n".join(lines)


def as_stl(group=lambda name: name, moved=lambda x: x):
    lines = []
    for name, corners in FACES.items():
        lines.append(f"solid {group(name)}")
        for a, b, c, d in np.reshape(corners, (-1, 4)):
            for triangle in ((a, b, c), (a, c, d)):
                lines += ["facet normal 0 0 0", " outer loop"]
                lines += ["  vertex {:.17g} {:.17g} {:.17g}".format(*moved(CORNERS[i] + 0.0)) for i in triangle]
                lines += [" endloop", "endfacet"]
        lines.append(f"endsolid {group(name)}")
    return "\n".join(lines)


@pytest.mark.parametrize("file", ["a.stl", "a.obj", "objects.obj"])
def test_surface_names(tmp_path, file):
    """Solids, groups and objects of a file are parts, unless the caller names them."""
    path = tmp_path / file
    path.write_text(as_stl() if file == "a.stl" else as_obj("o" if file == "objects.obj" else "g"))
    shape = mf.TriangleSurface.load(path)
    assert shape.part_names == ("inlet", "outlet", "wall")
    assert shape.volume == pytest.approx(1)
    cloud = shape.cloud(0.4)
    np.testing.assert_array_equal(cloud["inlet"][:, 0], 0)
    np.testing.assert_array_equal(cloud.side_normals["outlet"], [[1, 0, 0]] * len(cloud["outlet"]))
    assert mf.TriangleSurface.load(path, name="hull").part_names == ("hull",)
    assert mf.TriangleSurface.load(path, names=["a", "b"] * 6).part_names == ("a", "b")


@pytest.mark.parametrize("group", [lambda name: "one", lambda name: ""])
def test_one_name_for_all_is_no_part(tmp_path, group):
    (tmp_path / "a.obj").write_text(as_obj(group=group))
    (tmp_path / "a.stl").write_text(as_stl(group=group))
    for file in ("a.stl", "a.obj"):
        assert mf.TriangleSurface.load(tmp_path / file).part_names == ("boundary",)


def test_names_in_latin_1_and_none_among_others(tmp_path):
    text = as_stl(group=lambda name: {"inlet": "Einlaß", "wall": ""}.get(name, name))
    (tmp_path / "a.stl").write_bytes(text.encode("latin-1"))
    assert mf.TriangleSurface.load(tmp_path / "a.stl").part_names == ("Einlaß", "outlet", "boundary")


def test_parts_by_angle(tmp_path):
    (tmp_path / "a.stl").write_text(as_stl())
    shape = mf.TriangleSurface.load(tmp_path / "a.stl", split=40)
    assert shape.part_names == ("inlet", "outlet", "wall_1", "wall_2", "wall_3", "wall_4")
    normals = {part: np.unique(shape.cloud(0.4).side_normals[part], axis=0) for part in shape.part_names}
    assert all(len(normal) == 1 for normal in normals.values())
    np.testing.assert_array_equal(normals["wall_1"], [[0, -1, 0]])
    can = mf.TriangleSurface.load(tmp_path / "a.stl", name="side", split=100)
    assert can.part_names == ("side",)
    assert surface("cylinder").split_by_angle(30).part_names == ("boundary_1", "boundary_2", "boundary_3")
    with pytest.raises(ValueError, match="as split an angle between 0 and 180 degrees, got 0"):
        surface("cylinder").split_by_angle(0)


@pytest.mark.parametrize("error", [2.4e-18, 1e-15, 1e-10, 1e-7])
def test_stl_roundoff(tmp_path, error):
    """Facets that disagree in the last digits, of doubles, of decimals, of single precision, are one surface."""
    rng = np.random.default_rng(0)
    (tmp_path / "a.stl").write_text(as_stl(moved=lambda x: x + error * rng.uniform(-1, 1, 3)))
    shape = mf.TriangleSurface.load(tmp_path / "a.stl")
    assert len(shape.vertices) == 8
    assert shape.volume == pytest.approx(1, abs=10 * error)
    assert shape.part_names == ("inlet", "outlet", "wall")


def test_vertices_further_apart_than_a_rounding_are_a_hole(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "a.stl").write_text(as_stl(moved=lambda x: x + 1e-5 * rng.uniform(-1, 1, 3)))
    with pytest.raises(ValueError, match=r"a\.stl: TriangleSurface needs a closed surface, .* open"):
        mf.TriangleSurface.load(tmp_path / "a.stl")


def test_a_short_edge_is_kept():
    """A closed surface is left as it is, however near its vertices are."""
    X = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1 + 1e-7]])
    T = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [3, 1, 4], [1, 2, 4], [2, 3, 4]]
    assert len(merged(X, np.array(T))[0]) == 5


BAD = {
    "a.obj": ["v 0 0\nf 1 1 1", "v 0 0 0\nf 1 2 3", "v 0 0 0\nf 0 1 1", "v a b c\n", "f 1 2 x"],
    "a.stl": ["solid x\nfacet\nvertex 0 0 0\n", "solid x\nfacet" + "\nvertex 0 0 x" * 3, "solid\n"],
}


@pytest.mark.parametrize(("file", "text"), [(file, text) for file, texts in BAD.items() for text in texts])
def test_damaged_texts(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=rf"{file} (is damaged, or no|holds no triangles)"):
        mf.TriangleSurface.load(tmp_path / file)


# --------------------------------------------------------------------------------------- the surface as patch


def test_the_square_is_laid_over_triangles_by_their_areas():
    """Every triangle gets its share of even points, and these are even in it: the mean is the middle."""
    X, T = mesh("blob").vertices, mesh("blob").faces[::40]
    corners = X[T] * np.linspace(0.3, 3, len(T))[:, None, None]  # of very different sizes
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    n = np.arange(512**2)
    Y = AreaMap(corners, areas)(np.stack([(n + 0.5) / 512**2, n * (np.sqrt(5) - 1) / 2 % 1], axis=1))
    number = NearestSimplex(corners)(Y).simplex
    count = np.bincount(number, minlength=len(T))
    np.testing.assert_allclose(count / 512**2, areas / areas.sum(), atol=3 / 512**2)
    mean = np.stack([np.bincount(number, Y[:, i]) for i in range(3)], axis=1) / count[:, None]
    size = np.sqrt(areas)[:, None]
    np.testing.assert_allclose((mean - corners.mean(axis=1)) / size, 0, atol=0.06)


def test_neighbours_in_the_square_are_neighbours_on_the_surface():
    U = np.random.default_rng(0).random((20_000, 2))
    X = AreaMap(mesh("ball").triangles, mesh("ball").area_faces)(U)
    strip = np.floor(64 * U[:, 0])
    width = [np.ptp(X[strip == i], axis=0).max() for i in range(64)]
    assert np.mean(width) < 2 * np.sqrt(4 * np.pi / 64)  # squares of that area


def test_a_cube_has_twelve_edges_and_a_smooth_surface_none():
    assert len(surface("cube").edges) == 12
    assert surface("ball").edges == () and surface("blob").edges == ()
    assert len(mf.TriangleSurface(mesh("ball").vertices, mesh("ball").faces, angle=5).edges) > 1000
    rims = surface("cylinder").edges
    assert len(rims) == 2 and all(rim.closed for rim in rims)
    t = np.linspace(0, 1, 100) + 0.003
    for rim in rims:
        np.testing.assert_allclose(rim.point(t), rim.point(t + 1.0), atol=1e-14)
        numeric = (rim.point(t + 1e-6) - rim.point(t - 1e-6)) / 2e-6
        np.testing.assert_allclose(numeric, rim.velocity(t), atol=1e-8)


def test_sides_at_creases():
    """Three at the vertices of a cube, two on its edges, one inside a face though two triangles meet there."""
    surface_ = Triangulation(np.asarray(mesh("cube").vertices), np.asarray(mesh("cube").faces))
    patch = FacetPatch("p", Creases(surface_, 30.0), np.arange(12))
    X = np.array([(0.5, 0.5, 0.5), (0.5, 0.5, 0.1), (0.5, 0.0, 0.0), (0.5, 0.2, -0.3)])
    found = patch.sides(X, 1e-3)
    assert np.bincount(found.point).tolist() == [3, 2, 1, 1]
    np.testing.assert_allclose(np.sort(found.normal[:3], axis=0)[-1], 1)
    away = found.beside - X[found.point[found.side]]
    assert np.all(np.linalg.norm(away, axis=1) < 1.01e-3)
    np.testing.assert_allclose(np.einsum("nd,nd->n", away, found.normal[found.side]), 0, atol=1e-15)
    smooth = FacetPatch("p", Creases(surface_, 100.0), np.arange(12)).sides(X[:1], 1e-3)
    np.testing.assert_allclose(smooth.normal, np.full((1, 3), 1 / np.sqrt(3)))  # weighted by angles


# ---------------------------------------------------------------------------------------------------- nodes


def test_the_cloud_of_a_cube_has_the_edges_of_a_box():
    h = 0.2
    cloud = surface("cube").cloud(h)
    level = np.sum(np.abs(np.abs(cloud.points) - 0.5) < 1e-15, axis=1)
    expected = np.sum(np.abs(np.abs(BOX.cloud(h).points) - 0.5) < 1e-15, axis=1)
    assert np.bincount(level)[2:].tolist() == np.bincount(expected)[2:].tolist() == [12 * 4, 8]
    boundary, N = cloud["boundary"], cloud.normals["boundary"]
    corner = np.sum(np.abs(np.abs(boundary) - 0.5) < 1e-15, axis=1)
    for count in (2, 3):
        own = corner == count
        on = np.abs(np.abs(boundary[own]) - 0.5) < 1e-15
        np.testing.assert_allclose(N[own], np.sign(boundary[own]) * on / np.sqrt(count), atol=1e-14)


@pytest.mark.parametrize(("name", "count"), [("ball", 8), ("cube", 7), ("blob", 6), ("cylinder", 6)])
def test_clouds_are_even_and_on_the_surface(name, count):
    shape = surface(name)
    h = float(np.max(shape.bounds[1] - shape.bounds[0])) / count
    cloud = shape.cloud(h, seed=2)
    assert cloud.quality().mesh_ratio < 2.5
    X, N = cloud["boundary"], cloud.normals["boundary"]
    assert np.abs(shape.distance(X)).max() < 1e-14
    np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1, atol=1e-14)
    assert np.all(shape.contains(X - 1e-7 * N)) and not shape.contains(X + 1e-7 * N).any()
    assert shape.distance(cloud["interior"]).max() <= -0.5 * h


def test_the_algebra_with_other_shapes():
    """A ball bites off a corner; parts keep their names, and crossing curves lie on both surfaces."""
    bite = mf.Ball((0.5, 0.5, 0.5), 0.4, name="bite")
    shape, same = surface("cube") - bite, BOX - bite
    h = 0.18
    cloud = shape.cloud(h)
    assert shape.part_names == ("boundary", "bite")
    assert cloud.quality().mesh_ratio < 2.5
    X = np.concatenate([cloud["boundary"], cloud["bite"]])
    assert np.abs(same.distance(X)).max() < 1e-9
    both = np.sum((np.abs(bite.distance(X)) < 1e-9) & (np.abs(BOX.distance(X)) < 1e-9))
    assert both == 3 * round(0.4 * np.pi / 2 / h)  # three quarters of circles, with shared ends
    turned = shape.rotate(0.4, axis=(1, 2, 3)).translate((1, 0, 0))
    assert turned.cloud(h).quality().mesh_ratio < 2.5


def test_parts_by_triangle():
    """As the parts of a box; where two meet, the first owns the edge."""
    normals = mesh("cube").face_normals
    names = ["top" if n[2] > 0.5 else "side" if abs(n[2]) < 0.5 else "bottom" for n in normals]
    shape = mf.TriangleSurface(mesh("cube").vertices, mesh("cube").faces, names=names)
    assert set(shape.part_names) == {"top", "side", "bottom"}
    cloud = shape.cloud(0.2)
    for part, z in (("top", 0.5), ("bottom", -0.5)):
        np.testing.assert_array_equal(cloud[part][:, 2], z)
        np.testing.assert_array_equal(cloud.side_normals[part][:, 2], np.sign(z))
    assert cloud.quality().mesh_ratio < 2.5


def test_a_smooth_surface_in_two_parts():
    names = np.where(mesh("ball").triangles_center[:, 2] > 0.2, "cap", "rest").tolist()
    cloud = mf.TriangleSurface(mesh("ball").vertices, mesh("ball").faces, names=names).cloud(0.3)
    assert cloud["cap"][:, 2].min() > 0.0 and cloud["rest"][:, 2].max() < 0.4
    assert cloud.quality().mesh_ratio < 2.5


def test_a_reentrant_edge():
    shape = mf.TriangleSurface(*prism(L_RING))
    boxes = mf.Box((0, 0, 0), (2, 1, 1)) | mf.Box((0, 0, 0), (1, 2, 1))
    X = np.random.default_rng(0).uniform(-0.5, 2.5, (2000, 3))
    assert np.array_equal(shape.contains(X), boxes.contains(X))
    assert shape.volume == pytest.approx(3) and len(shape.edges) == 18
    cloud, same = shape.cloud(0.25), shape.cloud(0.25)
    assert cloud.quality().mesh_ratio < 2.5 and np.array_equal(cloud.points, same.points)
    edge = np.all(np.abs(cloud["boundary"][:, :2] - 1) < 1e-14, axis=1)
    assert edge.sum() == 5
    inner = edge & (np.abs(cloud["boundary"][:, 2] - 0.5) < 0.3)
    np.testing.assert_allclose(cloud.normals["boundary"][inner], np.tile([np.sqrt(0.5)] * 2 + [0], (inner.sum(), 1)))


# --------------------------------------------------------------------------------------------------- errors


def _changed(change):
    X, T = np.array(mesh("cube").vertices), np.array(mesh("cube").faces)
    return change(X, T)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda X, T: (X, T[1:]), ValueError, r"closed surface, and this one is open: 3 edges .* that from \("),
        (lambda X, T: (X, np.r_[T, T[:1]]), ValueError, "not a surface: 3 edges belong to more than two triangles"),
        (lambda X, T: (X * [1, 1, 0], T), ValueError, "needs triangles with an area, got 8 without, among them number"),
        (
            lambda X, T: (np.where(X > 0.4, np.nan, X), T),
            ValueError,
            r"needs finite vertices, got \(.*nan.*\) as number",
        ),
        (lambda X, T: (X[:, :2], T), ValueError, r"needs vertices of shape \(n, 3\), got shape \(8, 2\)"),
        (lambda X, T: ("abc", T), TypeError, "needs vertices as triples of numbers"),
        (lambda X, T: (X, T * 1.0), TypeError, "needs triangles as triples of vertex numbers, got an array of float64"),
        (lambda X, T: (X, T[:, :2]), ValueError, r"needs triangles of shape \(m, 3\), got shape \(12, 2\)"),
        (lambda X, T: (X, T + 1), ValueError, r"needs triangles between vertices 0 to 7, got number 8"),
        (lambda X, T: (X, T, ["a"]), ValueError, "needs one name for each of its 12 triangles, got 1"),
        (lambda X, T: (X, T, ["a"] * 11 + [None]), TypeError, "needs a string as name of every triangle, got None"),
        (lambda X, T: (X, T, "abc"), TypeError, "needs names as a sequence, one for each triangle, got str"),
        (lambda X, T: (X, T, ["interior"] * 12), ValueError, "cannot be named 'interior'"),
        (lambda X, T: (X, T, None, None, 0), ValueError, "needs an angle between 0 and 180 degrees, got 0"),
        (
            lambda X, T: (np.r_[X, X + 0.3], np.r_[T, T + 8]),
            ValueError,
            r"needs a surface that does not cross itself, and here it does at \(",
        ),
    ],
)
def test_bad_surfaces_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        mf.TriangleSurface(*_changed(make))


def test_a_surface_with_one_side_is_refused():
    """A Klein bottle: a torus whose seam is glued the wrong way round."""
    n = 12
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")

    def number(a, b):
        turned = np.where(a >= n, -b, b)
        return (a % n) * n + turned % n

    a, b, c, d = number(i, j), number(i + 1, j), number(i + 1, j + 1), number(i, j + 1)
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    vertices = np.random.default_rng(0).normal(size=(n * n, 3))
    with pytest.raises(ValueError, match="needs a surface with an inside and an outside; this one has one side only"):
        mf.TriangleSurface(vertices, triangles)


def test_a_spacing_larger_than_the_solid_is_refused():
    with pytest.raises(ValueError, match="leaves no room for interior nodes"):
        surface("cube").cloud(1.5)
