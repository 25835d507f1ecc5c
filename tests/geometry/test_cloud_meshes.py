"""Clouds as files of other programs, and clouds from meshes: parts, corners, normals."""

import importlib
import re
import struct
import sys

import jax
import meshio
import numpy as np
import pytest
from mesh_cases import MSH_4, ball, cube, disk, mesh_of, square, write_msh

import meshfree as mf
from meshfree.geometry.curved_facets import _reference, normals_at_nodes
from meshfree.geometry.gmsh_files import _groups_of_entities, _section
from meshfree.geometry.mesh_files import FORMATS

DOMAINS = {
    "line": mf.Interval(),
    "square": mf.Box(),
    "cube": mf.Box((0, 0, 0), (1, 1, 1)),
    "holed": mf.Box() - mf.Disk((0.5, 0.5), 0.2, name="hole"),
}


def assert_same(cloud, again):
    assert jax.tree.structure(again) == jax.tree.structure(cloud)
    for new, old in zip(jax.tree.leaves(again), jax.tree.leaves(cloud), strict=True):
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new, old)


def node(cloud, x):
    """The part, normal and side normal of the only node at x."""
    found = [
        (part, cloud.normals[part][i], cloud.side_normals[part][i])
        for part in cloud.normals
        for i in np.flatnonzero(np.all(cloud[part] == x, axis=1))
    ]
    assert len(found) == 1
    return found[0]


# ------------------------------------------------------------------------------------------ clouds and back


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", DOMAINS)
def test_every_bit_comes_back(tmp_path, suffix, name):
    cloud = DOMAINS[name].cloud(0.3)
    cloud.save(tmp_path / f"c{suffix}")
    assert_same(cloud, mf.Cloud.load(tmp_path / f"c{suffix}", domain=DOMAINS[name]))
    assert len(list(tmp_path.iterdir())) == 1  # nothing beside it


@pytest.mark.parametrize("suffix", FORMATS)
def test_names_numbers_and_orders_of_any_kind(tmp_path, suffix):
    N = np.array([[0.6, 0.8]])
    awkward = {"a b": ([[5e-324, -1 / 3]], N), "é,:%/": ([[1e9, np.pi]], -N), "file": ([[0.1 + 0.2, 1e-17]], N)}
    cloud = mf.Cloud(interior=[[1.0, 2.0], [-0.0, 0.0]], **awkward)
    cloud.save(tmp_path / f"c{suffix}")
    assert_same(cloud, mf.Cloud.load(tmp_path / f"c{suffix}"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_other_programs_see(tmp_path, suffix):
    cloud = mf.Box().cloud(0.3)
    cloud.save(tmp_path / f"c{suffix}")
    name, _ = FORMATS[suffix]
    mesh = importlib.import_module(f"meshio.{name}").read(tmp_path / f"c{suffix}")
    assert [block.type for block in mesh.cells] == ["vertex"]
    np.testing.assert_array_equal(mesh.points[:, :2], cloud.points)
    np.testing.assert_array_equal(mesh.points[:, 2], 0)
    inside = len(cloud["interior"])
    np.testing.assert_array_equal(mesh.point_data["normals"][:inside], 0)
    np.testing.assert_array_equal(mesh.point_data["normals"][inside:, :2], cloud.normal_vectors)
    for number, part in enumerate(cloud.parts):
        np.testing.assert_array_equal(np.flatnonzero(mesh.point_data["part"] == number), cloud.parts[part])
        np.testing.assert_array_equal(np.flatnonzero(mesh.point_data[f"part:{part}"]), cloud.parts[part])


def test_pyvista_reads_the_vertices(tmp_path):
    pyvista = pytest.importorskip("pyvista")
    cloud = DOMAINS["cube"].cloud(0.3)
    for suffix in (".vtu", ".vtk"):
        cloud.save(tmp_path / f"c{suffix}")
        read = pyvista.read(tmp_path / f"c{suffix}")
        np.testing.assert_array_equal(read.points, cloud.points)
        np.testing.assert_array_equal(read.point_data["normals"][len(cloud["interior"]) :], cloud.normal_vectors)


def test_plain_points_are_interior(tmp_path):
    X = np.random.default_rng(0).random((5, 3))
    meshio.vtu.write(tmp_path / "c.vtu", meshio.Mesh(X, [("vertex", np.arange(5)[:, None])]))
    cloud = mf.Cloud.load(tmp_path / "c.vtu")
    assert list(cloud.parts) == ["interior"]
    np.testing.assert_array_equal(cloud.points, X)


def test_more_than_three_dimensions_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a \.vtu file has at most 3 coordinates, this cloud has 4; save it as \.npz"):
        mf.Cloud(interior=np.eye(4)).save(tmp_path / "c.vtu")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"c{suffix}"
    path.write_bytes(b"the old file")
    module = importlib.import_module(f"meshio.{FORMATS[suffix][0]}")

    def cut_off(temporary, mesh, **options):
        temporary.write_bytes(b"half of the new")
        raise OSError("disk full")

    monkeypatch.setattr(module, "write", cut_off)
    with pytest.raises(OSError, match="disk full"):
        mf.Box().cloud(0.3).save(path)
    assert path.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------------------------------------- from meshes


def test_a_square_by_its_named_sides(tmp_path):
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", square(4)), domain=mf.Box())
    sizes = {part: len(cloud[part]) for part in cloud.parts}
    assert sizes == {"interior": 9, "left": 5, "right": 5, "bottom": 3, "top": 3}
    assert list(cloud.parts) == ["interior", "left", "right", "bottom", "top"]
    np.testing.assert_allclose(cloud.normals["bottom"], [[0, -1]] * 3, atol=1e-15)
    part, normal, side = node(cloud, (0, 0))
    assert part == "left"
    np.testing.assert_allclose(normal, [-np.sqrt(0.5), -np.sqrt(0.5)])
    np.testing.assert_allclose(side, [-1, 0], atol=1e-15)


def test_it_is_the_cloud_that_the_domain_makes(tmp_path):
    """The same corners in the same parts with the same normals."""
    made = mf.Box().cloud(0.25)
    read = mf.Cloud.load(write_msh(tmp_path / "m.msh", square(4)))
    for x in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0), (1, 0.5)):
        for a, b in zip(node(made, x), node(read, x), strict=True):
            assert a == b if isinstance(a, str) else np.allclose(a, b, atol=1e-12)


def test_the_normals_of_a_circle_are_exact_however_uneven_its_nodes(tmp_path):
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", disk()), domain=mf.Disk())
    assert list(cloud.parts) == ["interior", "rim"]
    np.testing.assert_allclose(cloud.normals["rim"], cloud["rim"], atol=1e-12)
    np.testing.assert_array_equal(cloud.normals["rim"], cloud.side_normals["rim"])


def test_the_normals_of_a_sphere_are_exact(tmp_path):
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", ball()))
    assert {part: len(cloud[part]) for part in cloud.parts} == {"interior": 1, "shell": 66}
    np.testing.assert_allclose(cloud.normals["shell"], cloud["shell"], atol=1e-12)


def test_a_cube_of_hexahedra(tmp_path):
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", cube(2)), domain=DOMAINS["cube"])
    sizes = {part: len(cloud[part]) for part in cloud.parts}
    assert sizes == {"interior": 1, "left": 9, "right": 9, "bottom": 3, "top": 3, "back": 1, "front": 1}
    part, normal, side = node(cloud, (1, 0, 0))
    assert part == "right"
    np.testing.assert_allclose(normal, np.array([1, -1, -1]) / np.sqrt(3))
    np.testing.assert_allclose(side, [1, 0, 0], atol=1e-15)


def test_other_groups_come_in_the_order_of_their_numbers_after_the_sides_of_a_box(tmp_path):
    mesh = square(3, names=("top", "left", "right", "bottom"))
    del mesh.field_data["left"], mesh.field_data["bottom"]
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", mesh))
    assert list(cloud.parts) == ["interior", "right", "top", "boundary_2", "boundary_4"]
    assert node(cloud, (0, 0))[0] == "boundary_2"


def test_a_file_as_gmsh_4_writes_it(tmp_path):
    (tmp_path / "m.msh").write_text(MSH_4)
    cloud = mf.Cloud.load(tmp_path / "m.msh", domain=mf.Box())
    # every node of the inlet is a corner, so that it would have none if it came after the wall
    assert {part: len(cloud[part]) for part in cloud.parts} == {"interior": 1, "inlet": 2, "wall": 2}
    np.testing.assert_allclose(node(cloud, (0, 0))[1], [-np.sqrt(0.5), -np.sqrt(0.5)])
    np.testing.assert_allclose(node(cloud, (0, 0))[2], [-1, 0], atol=1e-15)


def sizes_of(path, text):
    path.write_text(text)
    cloud = mf.Cloud.load(path, domain=mf.Box())
    return {part: len(cloud[part]) for part in cloud.parts}


INLET = "4 0 0 0 0 1 0 1 2 2 4 -1"
SURFACE = "1 0 0 0 1 1 0 1 3 4 1 2 3 4"


def test_msh(tmp_path):
    """Entities of no group, of several, and of one name in two dimensions, as Gmsh 4 writes them."""
    path = tmp_path / "m.msh"
    without = re.sub(r"^([123] .*) 1 1 2 (\d -\d)$", r"\1 0 2 \2", MSH_4, flags=re.MULTILINE)
    assert sizes_of(path, without) == {"interior": 1, "inlet": 2, "boundary": 2}
    save_all = without.replace(INLET, "4 0 0 0 0 1 0 0 2 4 -1")
    assert sizes_of(path, save_all) == {"interior": 1, "boundary": 4}
    assert sizes_of(path, save_all.replace(SURFACE, "1 0 0 0 1 1 0 0 4 1 2 3 4")) == {"interior": 1, "boundary": 4}
    both = MSH_4.replace(INLET, "4 0 0 0 0 1 0 2 1 2 2 4 -1")  # in the wall too
    assert sizes_of(path, both) == {"interior": 1, "inlet": 2, "wall": 2}
    assert sizes_of(path, both.replace(SURFACE, "1 0 0 0 1 1 0 2 3 4 4 1 2 3 4")) == sizes_of(path, both)
    assert sizes_of(path, MSH_4.replace(INLET, "4 0 0 0 0 1 0 1 -2 2 4 -1")) == sizes_of(path, MSH_4)
    assert sizes_of(path, MSH_4.replace('"domain"', '"wall"')) == sizes_of(path, MSH_4)


@pytest.mark.parametrize("name", ["interior", "domain", "self"])
def test_groups_that_no_part_can_be_named_after(tmp_path, name):
    with pytest.raises(ValueError, match=rf"m\.msh: .*'{name}'.* rename"):
        sizes_of(tmp_path / "m.msh", MSH_4.replace('"inlet"', f'"{name}"'))


def test_a_curve_in_two_groups_of_gmsh_2(tmp_path):
    """The facets come twice; `inlet`, a part of `all`, keeps its own."""
    mesh = square(4, names=("left", "right", "bottom", "top"))
    lines, triangles = mesh.cells
    tags = mesh.cell_data["gmsh:physical"][0]
    left = lines.data[:4]
    cells = {
        "line": (np.concatenate([lines.data, left]), np.concatenate([np.ones(len(tags)), np.full(4, 2)])),
        "triangle": (np.concatenate([triangles.data] * 2), np.repeat([3, 4], len(triangles.data))),
    }
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", mesh_of(mesh.points[:, :2], cells, ("all", "inlet"), 1)))
    assert {part: len(cloud[part]) for part in cloud.parts} == {"interior": 9, "all": 13, "inlet": 3}
    np.testing.assert_array_equal(cloud["inlet"][:, 0], 0)


def curved_disk(p, count=12):
    """A fan of triangles of degree p, whose nodes at the rim lie on the unit circle."""
    points, triangles, lines = [[0.0, 0.0]], [], []
    number = {(0.0, 0.0): 0}

    def at(x):
        key = tuple(np.round(x, 9) + 0.0)
        if key not in number:
            number[key] = len(points)
            points.append(list(x))
        return number[key]

    def rim(k):
        return np.array([np.cos(2 * np.pi * k / count), np.sin(2 * np.pi * k / count)])

    steps = np.arange(1, p) / p
    for k in range(count):
        a, b = rim(k), rim(k + 1)
        arc = [at(rim(k + s)) for s in steps]
        inside = [at((a + b) / 3)] if p == 3 else []
        edges = [at(s * a) for s in steps], arc, [at((1 - s) * b) for s in steps]
        triangles.append([0, at(a), at(b), *edges[0], *edges[1], *edges[2], *inside])
        lines.append([at(a), at(b), *arc])
    cells = {f"line{p + 1}": (np.array(lines), 1), f"triangle{len(triangles[0])}": (np.array(triangles), 2)}
    return mesh_of(np.array(points), cells, ("rim",), 1)


@pytest.mark.parametrize(("p", "worst"), [(2, 1.0), (3, 0.1)])
@pytest.mark.parametrize("grouped", [True, False])
def test_curved_facets_have_their_own_normals(tmp_path, p, worst, grouped):
    mesh = curved_disk(p)
    if not grouped:
        mesh.cell_data["gmsh:physical"][0][:] = 0
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", mesh))
    (part,) = cloud.normals
    assert part == ("rim" if grouped else "boundary")
    assert len(cloud[part]) == 12 * p
    cosine = np.sum(cloud.normals[part] * cloud[part], axis=1)
    assert np.degrees(np.arccos(np.minimum(cosine, 1))).max() < worst


FACETS = [("line", 4), *(("triangle", k) for k in (6, 10, 15)), *(("quad", k) for k in (8, 9, 16))]


@pytest.mark.parametrize(("shape", "count"), FACETS)
def test_normals_of_polynomial_facets_are_exact(shape, count):
    """Of a parabola, or paraboloid, over nodes of a reference facet."""
    X, _ = _reference(shape, count)
    nodes = np.concatenate([X, np.sum(X**2, axis=1, keepdims=True)], axis=1)
    exact = np.concatenate([2 * X, -np.ones((count, 1))], axis=1)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    below = np.zeros((1, nodes.shape[1]))
    below[:, -1] = -1
    np.testing.assert_allclose(normals_at_nodes(shape, nodes[None], below)[0], exact, atol=1e-11)


def test_quadratic_cells_give_their_middles_too(tmp_path):
    """One triangle with nodes in the middles of its edges."""
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    points = np.concatenate([corners, [[1, 0], [1, 1], [0, 1]]])
    edges = np.array([[0, 1, 3], [1, 2, 4], [2, 0, 5]])
    mesh = mesh_of(points, {"line3": (edges, [2, 3, 1]), "triangle6": (np.arange(6)[None], 9)}, ("left", "a", "b"), 1)
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", mesh))
    assert {part: len(cloud[part]) for part in cloud.parts} == {"left": 3, "a": 2, "b": 1}
    np.testing.assert_allclose(node(cloud, (1, 1))[1], [np.sqrt(0.5), np.sqrt(0.5)])
    np.testing.assert_allclose(node(cloud, (0, 1))[1], [-1, 0], atol=1e-15)


def test_a_group_between_cells_is_no_boundary_and_unused_points_are_left_out(tmp_path):
    mesh = square(2)
    middle = np.flatnonzero(mesh.points[:, 0] == 0.5)
    line = middle[np.argsort(mesh.points[middle, 1])]
    edges = np.sort(np.concatenate([mesh.cells[1].data[:, [0, 1]], mesh.cells[1].data[:, [1, 2]]]), axis=1)
    assert (edges == line[:2]).all(axis=1).any() or (edges == line[1:]).all(axis=1).any()
    cells = {
        "line": (
            np.concatenate([mesh.cells[0].data, [line[:2], line[1:]]]),
            np.concatenate([mesh.cell_data["gmsh:physical"][0], [7, 7]]),
        ),
        "triangle": (mesh.cells[1].data, 9),
    }
    points = np.concatenate([mesh.points[:, :2], [[5.0, 5.0]]])
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", mesh_of(points, cells, tuple(mesh.field_data), 1)))
    assert {part: len(cloud[part]) for part in cloud.parts} == {
        "interior": 1, "left": 3, "right": 3, "bottom": 1, "top": 1,
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf"])
def test_groups_by_numbers_in_other_formats(tmp_path, suffix):
    mesh = square(4)
    mesh.cell_data = {"part": mesh.cell_data["gmsh:physical"]}
    importlib.import_module(f"meshio.{FORMATS[suffix][0]}").write(tmp_path / f"m{suffix}", mesh)
    cloud = mf.Cloud.load(tmp_path / f"m{suffix}")
    sizes = {part: len(cloud[part]) for part in cloud.parts}
    assert sizes == {"interior": 9, "boundary_1": 5, "boundary_2": 4, "boundary_3": 4, "boundary_4": 3}


def test_a_problem_is_solved_on_the_nodes_of_a_mesh(tmp_path):
    cloud = mf.Cloud.load(write_msh(tmp_path / "m.msh", square(12)), domain=mf.Box())
    problem = mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x) - 4,
        left=mf.neumann(0.0),
        boundary=mf.dirichlet(lambda x: x @ x),
        exact=lambda x: x @ x,
    )
    assert mf.error(problem, mf.solve(problem, mf.Collocation(mf.Matern(5.5, 1.0), cloud, degree=2))) < 1e-9


# ---------------------------------------------------------------------------------------------------- bad files


def bare(mesh):
    """The same without groups."""
    return meshio.Mesh(mesh.points, mesh.cells)


def without_a_side(mesh):
    mesh.cell_data["gmsh:physical"][0][:4] = 0
    return mesh


def tilted(mesh):
    mesh.points[:, 2] = mesh.points[:, 0]
    return mesh


WITHOUT = {
    "no groups": (lambda: bare(square(4)), {"interior": 9, "boundary": 16}),
    "no facets": (lambda: meshio.Mesh(square(4).points, [square(4).cells[1]]), {"interior": 9, "boundary": 16}),
    "half": (lambda: without_a_side(square(4)), {"left": 5, "right": 5, "bottom": 3, "boundary": 3, "interior": 9}),
    "solid": (lambda: meshio.Mesh(cube(2).points, [cube(2).cells[1]]), {"interior": 1, "boundary": 26}),
}


@pytest.mark.parametrize("kind", WITHOUT)
def test_facets_without_a_group_are_the_part_boundary(tmp_path, kind):
    make, sizes = WITHOUT[kind]
    write_msh(tmp_path / "m.msh", make()) if kind == "half" else meshio.vtk.write(tmp_path / "m.vtk", make())
    cloud = mf.Cloud.load(tmp_path / ("m.msh" if kind == "half" else "m.vtk"))
    assert {part: len(cloud[part]) for part in cloud.parts} == sizes
    middle = node(cloud, (0.5, 1, 0.5) if kind == "solid" else (0.5, 1))
    assert middle[0] == "boundary"
    np.testing.assert_allclose(middle[1][:2], [0, 1], atol=1e-15)


def test_facets_without_a_group_beside_a_group_of_that_name(tmp_path):
    mesh = square(4, names=("top", "left", "right", "bottom"))
    mesh.field_data["boundary"] = mesh.field_data.pop("left")
    with pytest.raises(
        ValueError, match=r"4 of the 16 facets .* in no group, and would be 'boundary', but a group has"
    ):
        mf.Cloud.load(write_msh(tmp_path / "m.msh", without_a_side(mesh)))


BAD = {
    "surface": (
        lambda: tilted(square()),
        "the mesh is of a surface in space; a cloud is read from a mesh of",
    ),
    "lines": (lambda: meshio.Mesh(square().points, [square().cells[0]]), "the mesh is of lines"),
}


@pytest.mark.parametrize("kind", BAD)
def test_meshes_that_are_no_cloud(tmp_path, kind):
    make, message = BAD[kind]
    meshio.vtk.write(tmp_path / "m.vtk", make())
    with pytest.raises(ValueError, match=message):
        mf.Cloud.load(tmp_path / "m.vtk")


def test_cells_of_an_unknown_type(tmp_path):
    polygons = [("polygon", np.array([[0, 1, 2, 3, 4]]))]
    meshio.vtu.write(tmp_path / "m.vtu", meshio.Mesh(np.random.default_rng(0).random((5, 3)), polygons))
    with pytest.raises(ValueError, match=r"m\.vtu: the mesh has cells of type 'polygon'; expected vertex, line, tri"):
        mf.Cloud.load(tmp_path / "m.vtu")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("damage", ["nothing", "words", "half"])
def test_damaged_files(tmp_path, suffix, damage):
    path = tmp_path / f"c{suffix}"
    mf.Box().cloud(0.2).save(path)
    content = path.read_bytes()
    path.write_bytes({"nothing": b"", "words": b"not a mesh\n", "half": content[: len(content) // 2]}[damage])
    with pytest.raises(ValueError, match=rf"c\{suffix} is damaged, or not a file that meshio reads as \{suffix}: \w"):
        mf.Cloud.load(path)


def test_missing_files_and_other_suffixes(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no cloud file at .*none\.vtu"):
        mf.Cloud.load(tmp_path / "none.vtu")
    with pytest.raises(
        ValueError, match=r"kept in \.csv, \.npz, \.vtk, \.vtu, \.xdmf, .*\.xyz, .* files; got .*c\.stl'"
    ):
        mf.Cloud.load(tmp_path / "c.stl")


@pytest.mark.parametrize(("missing", "suffix"), [("meshio.vtu", ".vtu"), ("h5py", ".xdmf")])
def test_without_meshio_the_message_says_what_to_install(tmp_path, missing, suffix, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)  # so importing it fails
    cloud = mf.Box().cloud(0.3)
    message = rf"\{suffix} file needs the package {missing}: pip install 'meshfree\[geometry\]'"
    with pytest.raises(ImportError, match=message):
        cloud.save(tmp_path / f"c{suffix}")
    assert not list(tmp_path.iterdir())


def test_entities_of_a_binary_file_are_those_of_the_text():
    content = MSH_4.encode()
    text = _groups_of_entities(content[slice(*_section(content, b"Entities"))], "4.1", "0", "8")
    binary = struct.pack("=4Q", 4, 4, 1, 0) + b"".join(struct.pack("=i3dQ", i, 0, 0, 0, 0) for i in range(1, 5))
    for curve, group in ((1, 1), (2, 1), (3, 1), (4, 2)):
        binary += struct.pack("=i6dQiQ2i", curve, *[0] * 6, 1, group, 2, 1, -2)
    binary += struct.pack("=i6dQiQ4i", 1, *[0] * 6, 1, 3, 4, 1, 2, 3, 4)
    assert text[1, 4] == [2]
    assert _groups_of_entities(binary, "4.1", "1", "8") == text
