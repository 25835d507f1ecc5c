"""Solutions as files for ParaView: fields, gradients and errors on simplices inside the domain."""

import importlib

import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from shared_cases import BLOCK, HOLED, L_SHAPE, as_arrays

import meshfree as mf
from meshfree.geometry.mesh_files import FORMATS

CUBE = mf.Box((0, 0, 0), (1, 1, 1))
SUFFIXES = [".vtu", ".vtk", ".xdmf"]


def square(x):
    return x @ x + x[0]


def pair(x):
    return jnp.stack([x[0] * x[1], 1 - x[1] ** 2])


def of(f, cloud):
    """f in a local space that holds it: nodal values, stencils exact for squares."""
    return mf.interpolate(f, mf.Stencils(mf.Polyharmonic(3), cloud, degree=2))


def saved(u, path, **options):
    u.save(path, **options)
    return importlib.import_module(f"meshio.{FORMATS[path.suffix][0]}").read(path)


def volume(mesh):
    (block,) = mesh.cells
    dim = block.data.shape[1] - 1
    corners = mesh.points[block.data][..., :dim]
    return np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])).sum() / [1, 1, 2, 6][dim]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("domain", [mf.Interval(), mf.Box(), CUBE], ids=["line", "square", "cube"])
def test_the_fields_at_the_points(tmp_path, suffix, domain):
    cloud = domain.cloud(0.2)
    mesh = saved(of(square, cloud), tmp_path / f"u{suffix}", exact=lambda x: square(x) - 0.5)
    X, d = cloud.points, cloud.dim
    np.testing.assert_array_equal(mesh.points[:, :d], X)
    assert set(mesh.point_data) == {"u", "gradient", "error"}
    np.testing.assert_allclose(mesh.point_data["u"], np.sum(X**2, axis=1) + X[:, 0], atol=1e-13)
    expected = np.zeros((len(X), 3))
    expected[:, :d] = 2 * X + np.eye(d)[0]
    np.testing.assert_allclose(mesh.point_data["gradient"], expected, atol=1e-11)
    np.testing.assert_allclose(mesh.point_data["error"], 0.5, rtol=1e-13)
    assert [block.type for block in mesh.cells] == [{1: "line", 2: "triangle", 3: "tetra"}[d]]
    assert volume(mesh) == pytest.approx(1, rel=1e-12)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_global_space_gives_its_own_gradient(tmp_path):
    space = mf.Eigenbasis(mf.Gaussian(2.0), mf.Box().cloud(0.1, cluster=1.0), degree=14)
    mesh = saved(mf.interpolate(lambda x: jnp.sin(x[0] + 2 * x[1]), space), tmp_path / "u.vtu")
    slope = np.cos(space.cloud.points @ [1.0, 2.0])
    np.testing.assert_allclose(mesh.point_data["gradient"][:, :2], slope[:, None] * [1.0, 2.0], atol=1e-6)


def test_one_process_writes_one_piece(tmp_path):
    u = of(square, mf.Disk().cloud(0.2))
    whole = saved(u, tmp_path / "whole.vtu", exact=square)
    for _ in range(2):  # the second time in place of the first
        u.save(tmp_path / "u.pvtu", exact=square)
        (piece,) = (tmp_path / "u").iterdir()
        assert piece.name in (tmp_path / "u.pvtu").read_text()
        found = meshio.read(piece)
        assert np.array_equal(found.points, whole.points)
        assert np.array_equal(found.cells_dict["triangle"], whole.cells_dict["triangle"])
        assert found.point_data.keys() == whole.point_data.keys()
        np.testing.assert_allclose(found.point_data["gradient"], whole.point_data["gradient"], atol=1e-12)


@pytest.mark.parametrize("kind", ["local", "global"])
def test_several_fields(tmp_path, kind):
    cloud = mf.Box().cloud(0.1, cluster=1.0)
    basis = mf.Eigenbasis(mf.Gaussian(2.0), cloud, degree=14)
    u = of(pair, cloud) if kind == "local" else mf.interpolate(pair, basis)
    mesh = saved(u, tmp_path / "u.vtu", exact=pair)
    (x, y), zero = cloud.points.T, np.zeros(len(cloud))
    tolerance = 1e-10 if kind == "local" else 1e-6
    for name, columns in {
        "u": (x * y, 1 - y**2, zero),
        "gradient_1": (y, x, zero),
        "gradient_2": (zero, -2 * y, zero),
        "error": (zero, zero, zero),
    }.items():
        np.testing.assert_allclose(mesh.point_data[name], np.stack(columns, axis=1), atol=tolerance)


@pytest.mark.parametrize("known", [True, False], ids=["domain", "normals"])
@pytest.mark.parametrize(("domain", "area"), [(L_SHAPE, 3.0), (HOLED, 1 - 0.04 * np.pi)], ids=["L", "holed"])
def test_the_triangles_lie_inside(tmp_path, domain, area, known):
    cloud = domain.cloud(0.05)
    mesh = saved(of(square, cloud if known else as_arrays(cloud)), tmp_path / "u.vtu")
    assert volume(mesh) == pytest.approx(area, rel=1e-9 if domain is L_SHAPE else 5e-3)
    centers = mesh.points[mesh.cells[0].data].mean(axis=1)[:, :2]
    assert domain.contains(centers).all()


def test_the_lines_leave_the_gap_out(tmp_path):
    domain = mf.Interval() | mf.Interval(2, 3)
    assert volume(saved(of(square, domain.cloud(0.1)), tmp_path / "u.vtu")) == pytest.approx(2)


def test_nodes_on_a_line_of_the_plane_are_vertices(tmp_path):
    X = np.stack([np.linspace(0, 1, 12), np.linspace(0, 1, 12)], axis=1)
    u = mf.interpolate(lambda x: x[0], mf.Collocation(mf.Matern(2.5, 0.5), mf.Cloud(interior=X)))
    mesh = saved(u, tmp_path / "u.vtu")
    assert [(block.type, len(block.data)) for block in mesh.cells] == [("vertex", 12)]


# ParaView's own reader, VTK's, by pyvista


def read(path):
    return pytest.importorskip("pyvista").read(path)


@pytest.mark.parametrize(
    ("domain", "spacing", "size", "tolerance"),
    [
        (mf.Interval() | mf.Interval(2, 4), 0.2, 3, 1e-12),
        (mf.Polygon([(0, 0), (3, 0), (3, 2), (0, 2)], holes=[[(1, 0.5), (2, 1), (1, 1.5)]]), 0.2, 5.5, 1e-12),
        (HOLED, 0.05, 1 - 0.04 * np.pi, 5e-3),
        (CUBE - mf.Box((0.5, 0.5, -1), (2, 2, 2)), 0.25, 0.75, 1e-3),
        (BLOCK, 0.2, 2 - 0.036 * np.pi, 0.02),
    ],
    ids=["lines", "polygon", "hole", "notch", "cavity"],
)
def test_what_paraview_shows_fills_the_domain_alone(tmp_path, domain, spacing, size, tolerance):
    cloud = domain.cloud(spacing)
    of(square, cloud).save(tmp_path / "u.vtu", exact=lambda x: square(x) - 0.5)
    grid = read(tmp_path / "u.vtu")
    sizes = grid.compute_cell_sizes()
    found = sizes[{1: "Length", 2: "Area", 3: "Volume"}[cloud.dim]]
    assert found.min() > 0  # VTK's volume of a tetrahedron has a sign
    assert found.sum() == pytest.approx(size, rel=tolerance)
    assert domain.contains(grid.cell_centers().points[:, : cloud.dim]).all()
    assert set(grid.point_data.keys()) == {"u", "gradient", "error"}
    X, (x, slopes) = grid.points[:, : cloud.dim], (grid.points[:, 0], grid["gradient"])
    np.testing.assert_array_equal(X, cloud.points)
    np.testing.assert_allclose(grid["u"], np.sum(X**2, axis=1) + x, atol=1e-12)
    np.testing.assert_allclose(grid["error"], 0.5, rtol=1e-11)
    np.testing.assert_allclose(slopes[:, 0], 2 * x + 1, atol=1e-9)
    assert slopes.shape == (len(cloud), 3)
    assert not slopes[:, cloud.dim :].any()


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
def test_paraview_knows_vectors_and_interpolates_between_the_points(tmp_path, suffix):
    of(pair, L_SHAPE.cloud(0.1)).save(tmp_path / f"u{suffix}", exact=pair)
    grid = read(tmp_path / f"u{suffix}")
    assert {name: grid[name].shape[1] for name in grid.point_data} == dict.fromkeys(
        ["u", "gradient_1", "gradient_2", "error"], 3
    )
    at = grid.sample_over_line((0.1, 0.1, 0), (0.9, 0.9, 0), resolution=4)
    t = np.linspace(0.1, 0.9, 5)
    assert at["vtkValidPointMask"].all()
    np.testing.assert_allclose(at["u"], np.stack([t**2, 1 - t**2, 0 * t], axis=1), atol=0.01)


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
@pytest.mark.parametrize("domain", [HOLED, BLOCK], ids=["plane", "space"])
def test_paraview_shows_a_cloud_with_its_parts(tmp_path, domain, suffix):
    cloud = domain.cloud(0.25)
    cloud.save(tmp_path / f"cloud{suffix}")
    grid = read(tmp_path / f"cloud{suffix}")
    np.testing.assert_array_equal(grid.points[:, : cloud.dim], cloud.points)
    assert set(grid.celltypes) == {1}  # vertices
    for number, part in enumerate(cloud.parts):
        np.testing.assert_array_equal(np.flatnonzero(grid["part"] == number), cloud.parts[part])
        np.testing.assert_array_equal(np.flatnonzero(grid[f"part:{part}"]), cloud.parts[part])
    for part, N in cloud.normals.items():
        np.testing.assert_array_equal(grid["normals"][cloud.parts[part], : cloud.dim], N)


def test_an_npz_file_keeps_the_error_too(tmp_path):
    u = of(square, mf.Box().cloud(0.25))
    u.save(tmp_path / "u.npz", exact=lambda x: square(x) + 1, spacing=0.25)
    with np.load(tmp_path / "u.npz") as file:
        np.testing.assert_allclose(file["error"], -1)
    assert np.array_equal(mf.Solution.load(tmp_path / "u.npz").coefficients, u.coefficients)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"u{suffix}"
    u = of(square, mf.Box().cloud(0.25))
    u.save(path)
    before = path.read_bytes()
    module = importlib.import_module(f"meshio.{FORMATS[suffix][0]}")
    write = module.write

    def cut_off(temporary, mesh, **options):
        write(temporary, mesh, **options)
        whole = temporary.read_bytes()
        temporary.write_bytes(whole[: len(whole) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        of(lambda x: x[0], mf.Box().cloud(0.25)).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written(tmp_path):
    u = of(square, mf.Box().cloud(0.25))
    with pytest.raises(ValueError, match=r"kept in \.npz, \.vtu, \.pvtu, \.vtk, \.xdmf files; got .*u\.csv': rename"):
        u.save(tmp_path / "u.csv")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere to write u\.vtu in"):
        u.save(tmp_path / "nowhere" / "u.vtu")
    with pytest.raises(ValueError, match=r"exact has values of shape \(2,\), the solution of shape \(\)"):
        u.save(tmp_path / "u.vtu", exact=pair)
    four = mf.Cloud(interior=np.random.default_rng(0).random((20, 4)))
    with pytest.raises(ValueError, match=r"a \.vtu file has at most 3 coordinates, this solution has 4"):
        mf.interpolate(square, mf.Collocation(mf.Matern(), four)).save(tmp_path / "u.vtu")
    assert not list(tmp_path.iterdir())
    meshio.vtu.write(tmp_path / "u.vtu", meshio.Mesh(np.zeros((1, 3)), [("vertex", [[0]])]))
    with pytest.raises(ValueError, match=r"u\.vtu is not an NPZ file"):
        mf.Solution.load(tmp_path / "u.vtu")
