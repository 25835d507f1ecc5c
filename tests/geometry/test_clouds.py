"""Clouds: named parts, validation, files, and life as a pytree."""

import jax
import numpy as np
import pytest

from meshfree.geometry.cloud import Cloud
from meshfree.geometry.shapes.basic import Box, Disk, Interval

ANGLES = np.arange(8) * np.pi / 4
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
INSIDE = np.array([[0.0, 0.1], [0.3, -0.2], [-0.4, 0.0]])


@pytest.fixture
def cloud():
    return Cloud(interior=INSIDE, left=(RING[3:5], RING[3:5]), rest=(RING[5:], RING[5:]))


def test_parts_are_slices_of_the_points_in_order(cloud):
    assert list(cloud.parts) == ["interior", "left", "rest"]
    assert list(cloud.normals) == ["left", "rest"]
    assert len(cloud) == 8 and cloud.dim == 2 and cloud.domain is None
    for part, rows in cloud.parts.items():
        assert np.issubdtype(rows.dtype, np.integer)
        np.testing.assert_array_equal(cloud.points[rows], cloud[part])
    np.testing.assert_array_equal(cloud["interior"], INSIDE)
    np.testing.assert_array_equal(cloud["left"], RING[3:5])
    np.testing.assert_array_equal(cloud.normals["rest"], RING[5:])


def test_spacing_is_the_median_nearest_neighbour_distance():
    x = np.array([0.0, 1.0, 3.0, 6.0, 10.0])
    assert Cloud(interior=x).spacing == 2.0  # distances 1, 1, 2, 3, 4
    assert Cloud(interior=[[1.0, 2.0]]).spacing == np.inf


def test_leaves_are_numpy_float64():
    single = Cloud(interior=INSIDE.astype(np.float32), left=(RING[:2].astype(np.float32), RING[:2]))
    leaves = jax.tree.leaves(single)
    assert [leaf.shape for leaf in leaves] == [(5, 2), (2, 2), (2, 2), ()]
    assert all(isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 for leaf in leaves)


def test_arrays_of_shape_n_are_points_of_the_line():
    line = Cloud(interior=[0.25, 0.5], left=([0.0], [-1.0]), right=([1.0], [1]), domain=Interval())
    assert line.points.shape == (4, 1)
    np.testing.assert_array_equal(line.normals["left"], [[-1.0]])


def test_boundary_only(cloud):
    ring = Cloud(boundary=(RING, RING), domain=Disk())
    assert list(ring.parts) == ["boundary"] and ring.domain == Disk()
    with pytest.raises(KeyError, match="no part named 'interior'; there are: boundary"):
        ring["interior"]


def test_properties_work_on_tracers(cloud):
    @jax.jit
    def total(traced):
        assert traced.dim == 2 and len(traced) == 8
        assert list(traced.parts) == ["interior", "left", "rest"]
        assert "Cloud(dim=2" in repr(traced)
        return traced["left"].sum() + traced.normals["rest"].sum() + traced.spacing

    expected = cloud["left"].sum() + cloud.normals["rest"].sum() + cloud.spacing
    assert float(total(cloud)) == pytest.approx(float(expected), rel=1e-6)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, cloud)
    np.testing.assert_array_equal(doubled["rest"], 2 * RING[5:])


def test_equal_domains_do_not_recompile():
    traces = []

    @jax.jit
    def count(cloud):
        traces.append(cloud.domain)
        return cloud.points.sum()

    for _ in range(2):
        count(Cloud(interior=INSIDE, domain=Disk() - Box((0.5, 0.5), (1, 1))))
    assert len(traces) == 1


def test_repr():
    assert repr(Box().cloud(0.25)).startswith("Cloud(dim=2, interior=17, left=5, right=5, bottom=3, top=3, ")


def test_unknown_parts_name_the_known_ones(cloud):
    with pytest.raises(KeyError, match=r"no part named 'lfet'; there are: interior, left, rest"):
        cloud["lfet"]
    with pytest.raises(KeyError, match="no boundary part named 'interior'; there are: left, rest"):
        cloud.normals["interior"]
    assert "right" not in cloud.normals


BAD = [
    ({}, ValueError, "needs points, got none"),
    ({"interior": "abc"}, TypeError, "interior must be an array of real numbers, got str"),
    ({"interior": [[1.0, 2.0], [3.0]]}, TypeError, "interior must be an array of numbers, got list"),
    ({"interior": INSIDE + 1j}, TypeError, "dtype complex128"),
    ({"interior": np.zeros((2, 2, 2))}, ValueError, r"shape \(n, d\).* got \(2, 2, 2\)"),
    ({"interior": np.zeros((0, 2))}, ValueError, r"interior has no points \(shape \(0, 2\)\)"),
    ({"interior": INSIDE, "left": RING}, ValueError, r"left must be a pair .* got ndarray of shape \(8, 2\)"),
    ({"interior": INSIDE, "left": ([0.0], [1.0])}, ValueError, "got: interior 2, left 1"),
    ({"left": (RING, RING[:3])}, ValueError, r"normals of left have shape \(3, 2\), its points \(8, 2\)"),
    ({"left": (RING, 2 * RING)}, ValueError, "not of unit length in row.* 0, 1, 2 and 5 more.*divide each"),
    ({"interior": [[0.0, np.nan], [0, 0], [np.inf, 1]]}, ValueError, r"interior holds NaN .* 0, 2 of 3"),
    ({"left": (RING, np.full((8, 2), np.nan))}, ValueError, "the normals of left holds NaN"),
    (
        {"interior": [[0.5, 0.5], [1.0, 0.0]], "left": (RING, RING)},
        ValueError,
        r"1 pairs .*interior\[1\] and left\[0\] at \(1, 0\).*keep one",
    ),
    (
        {"interior": [[2.0, 0.0]], "domain": Disk()},
        ValueError,
        r"1 points lie outside.*interior\[0\] at \(2, 0\) by 1",
    ),
    ({"interior": [0.5], "domain": Disk()}, ValueError, "1 coordinates, the domain 2 dimensions"),
    ({"interior": INSIDE, "domain": "disk"}, TypeError, "domain must be a meshfree domain or None, got 'disk'"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_what_makes_no_cloud_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Cloud(**arguments)


def test_tracers_are_refused():
    with pytest.raises(TypeError, match=r"interior must be an array of numbers, got .*Tracer"):
        jax.jit(lambda X: Cloud(interior=X).points)(INSIDE)


def test_nearly_coinciding_nodes_count_as_coinciding():
    with pytest.raises(ValueError, match="pairs of nodes coincide"):
        Cloud(interior=[0.0, 1.0, 1.0 + 1e-13])
    assert len(Cloud(interior=[0.0, 1.0, 1.0 + 1e-9])) == 3


# ------------------------------------------------------------------------------------------------- files

DOMAINS = [Interval(), Box(), Box((0, 0, 0), (1, 1, 1))]


@pytest.mark.parametrize("extension", ["csv", "npz"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_files_return_every_bit(tmp_path, extension, domain):
    cloud = domain.cloud(0.34)
    path = tmp_path / f"cloud.{extension}"
    cloud.save(path)
    again = Cloud.load(path, domain=domain)
    assert jax.tree.structure(again) == jax.tree.structure(cloud)
    for new, old in zip(jax.tree.leaves(again), jax.tree.leaves(cloud), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("extension", ["csv", "npz"])
def test_any_name_survives_a_file(tmp_path, extension):
    Cloud(interior=INSIDE, **{"file": (RING[:4], RING[:4]), "a, b": (RING[4:], RING[4:])}).save(
        tmp_path / f"c.{extension}"
    )
    assert list(Cloud.load(tmp_path / f"c.{extension}").parts) == ["interior", "file", "a, b"]


def test_csv_is_plain(tmp_path):
    path = tmp_path / "c.csv"
    Cloud(interior=[[0.1, 0.2]], top=([[0.0, 1.0]], [[0.0, 1.0]])).save(path)
    assert path.read_text() == "x,y,part,nx,ny\n0.1,0.2,interior,,\n0.0,1.0,top,0.0,1.0\n"


def test_csv_without_parts_is_interior(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("x, y\n1, 2\n3, 4\n")
    cloud = Cloud.load(path)
    np.testing.assert_array_equal(cloud["interior"], [[1.0, 2.0], [3.0, 4.0]])


COMMAS = {
    "x,y\n0,1,0,2\n0,5,0,7\n": r"c\.csv, line 2: 4 cells under a header of 2 columns; write numbers with decimal",
    "x\n0,5\n": "line 2: 2 cells under a header of 1 columns",
    "x,y,x\n0,0,9\n1,0,8\n": r"c\.csv: the header line names the column x twice; remove or rename",
    "x,y,part,nx,ny,part\n0,0,,,,\n": "the column part twice",
}


@pytest.mark.parametrize("text", COMMAS)
def test_csv_decimal_comma(tmp_path, text):
    """Cells beyond the header and columns of one name are no points."""
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(ValueError, match=COMMAS[text]):
        Cloud.load(tmp_path / "c.csv")


def test_csv_of_another_encoding(tmp_path):
    path = tmp_path / "c.csv"
    text = "x,y,part,nx,ny\n0,0,,,\n1,0,Wände,1,0\n"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"c\.csv, line 3: the byte 0xe4 is not UTF-8; save the file as UTF-8"):
        Cloud.load(path)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        path.write_bytes(text.encode(encoding))
        assert list(Cloud.load(path).parts) == ["interior", "Wände"]


@pytest.mark.parametrize("text", ["x;y\n0.5;1\n", "x\ty\n0.5\t1\n", "x,y,\n0.5,1,,\n", "name,name,y,x\na,b,1,0.5\n"])
def test_csv_of_other_programs(tmp_path, text):
    (tmp_path / "c.csv").write_text(text)
    np.testing.assert_array_equal(Cloud.load(tmp_path / "c.csv").points, [[0.5, 1]])


@pytest.mark.parametrize("suffix", [".xyz", ".txt"])
def test_points_in_columns(tmp_path, suffix):
    path = tmp_path / f"c{suffix}"
    path.write_text("# x y\n0 1e-3\n\n 2,3  # the second\n")
    cloud = Cloud.load(path)
    assert list(cloud.parts) == ["interior"]
    np.testing.assert_array_equal(cloud.points, [[0, 1e-3], [2, 3]])
    path.write_text("0 0 0 0 0 1\n1 0 0 0.6 0.8 0\n")
    cloud = Cloud.load(path)
    assert list(cloud.parts) == ["boundary"]
    np.testing.assert_array_equal(cloud.normals["boundary"], [[0, 0, 1], [0.6, 0.8, 0]])


PLY = "ply\nformat {}\ncomment by hand\nelement vertex 2\n{}end_header\n"


def ply(order, names, kind="double"):
    return PLY.format(order, "".join(f"property {kind} {name}\n" for name in names.split()))


@pytest.mark.parametrize("order", ["ascii 1.0", "binary_little_endian 1.0", "binary_big_endian 1.0"])
def test_points_in_ply_files(tmp_path, order):
    path = tmp_path / "c.ply"
    X = np.array([[0, 1e-3, 0], [2, 3, 0]])
    N = np.array([[0, 1, 0], [0.6, 0.8, 0]])

    def write(names, table):
        body = "\n".join(" ".join(map(str, row)) for row in table.tolist()).encode()
        if order[0] == "b":
            body = table.astype(">f8" if "big" in order else "<f8").tobytes()
        path.write_bytes(ply(order, names).encode() + body)

    write("x y z", X)
    cloud = Cloud.load(path)
    assert list(cloud.parts) == ["interior"]
    np.testing.assert_array_equal(cloud.points, X[:, :2])
    write("x y z nx ny nz intensity", np.concatenate([X, N, [[7], [8]]], axis=1))
    cloud = Cloud.load(path)
    assert list(cloud.parts) == ["boundary"]
    np.testing.assert_array_equal(cloud.points, X[:, :2])
    np.testing.assert_array_equal(cloud.normals["boundary"], N[:, :2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("points\nend_header\n", "damaged, or no PLY file of points: its first line is 'points'"),
        (ply("ascii 1.0", "x y") + "0 0 1 1", "vertices with x, y and z"),
        (ply("ascii 1.0", "x y z") + "0 0 0", "2 vertices of 3 numbers are announced, and 3 numbers are there"),
        (ply("binary_little_endian 1.0", "x y z") + "0", "2 vertices of 24 bytes are announced, and 1 bytes are there"),
        (ply("ascii 1.0", "x y z").replace("end_header", "element face 1\nend_header") + "0 " * 6, "holds a surface"),
    ],
)
def test_ply_files_that_are_no_cloud(tmp_path, text, message):
    (tmp_path / "c.ply").write_text(text)
    with pytest.raises(ValueError, match=rf"c\.ply.*{message}"):
        Cloud.load(tmp_path / "c.ply")


def test_csv_rows_may_come_in_any_order(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("part,x,nx\nright,1,1\ninterior,0.5,\nleft,0,-1\n,0.25,\n")
    cloud = Cloud.load(path)
    assert list(cloud.parts) == ["interior", "right", "left"]
    np.testing.assert_array_equal(cloud.points[:, 0], [0.5, 0.25, 1.0, 0.0])


BAD_FILES = [
    ("c.csv", "", "must name the columns x or x,y or x,y,z .* got: nothing"),
    ("c.csv", "y,part\n1,interior\n", "must name the columns .* got: y, part"),
    ("c.csv", "x,y\n1,2\n1,two\n", r"c\.csv, line 3: expected a number in column y, got 'two'"),
    ("c.csv", "x,y\n1\n", r"line 2: expected a number in column y, got None"),
    ("c.csv", "x,part\n1,left\n", r"line 2: a boundary node of part 'left' needs a column nx"),
    ("c.csv", "x,part,nx\n1,left,\n", r"line 2: expected a number in column nx, got ''"),
    ("c.csv", "x,part,nx\n1,domain,1\n", "'domain' cannot be the name of a part"),
    ("c.csv", "x,y\n", r"c\.csv: a cloud needs points, got none"),
    ("c.csv", "x,y\n0,0\n0,0\n", r"c\.csv: 1 pairs of nodes coincide"),
    ("c.csv", "x\n1_000\n", "expected a number in column x, got '1_000'"),
    ("c.csv", "x;y\n0,1;0,2\n", "expected a number in column x, got '0,1'; write it with a decimal point"),
    ("c.csv", "x,y\n" + "1" * 200000 + ",2\n", r"c\.csv is no table of comma-separated values: field larger"),
    ("c.xyz", "0 0\n1 x\n", r"c\.xyz, line 2: expected numbers, got '1 x'"),
    ("c.xyz", "3\nwater\nO 0 0 0\n", r"c\.xyz, line 2: expected numbers, got 'water'"),
    ("c.xyz", "0 0\n\n1 0 0\n", r"c\.xyz, line 3: 3 numbers, and 2 in the first line; expected the same in all"),
    ("c.xyz", "0 0 0 255\n", r"c\.xyz, line 1: 4 numbers, .*expected .* 1 to 3 coordinates, or 6"),
    ("c.xyz", "# nothing\n", r"c\.xyz: a cloud needs points, got none"),
    ("c.npz", "hello", "not an NPZ file"),
    ("c.dat", "x\n1\n", r"kept in \.csv, \.npz, .* files; got .*c\.dat"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD_FILES)
def test_bad_files_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        Cloud.load(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no cloud file at .*none\.csv"):
        Cloud.load(tmp_path / "none.csv")


def test_npz_without_normals_is_refused(tmp_path):
    np.savez(tmp_path / "c.npz", interior=INSIDE, left=RING)
    with pytest.raises(ValueError, match="'left' has no array 'left_normals'; the file has: interior, left"):
        Cloud.load(tmp_path / "c.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "c.npz"
    Cloud(interior=INSIDE).save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"'x_normals' cannot be kept in \.npz"):
        Cloud(interior=INSIDE, x_normals=(RING, RING)).save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]


def test_save_refuses_other_extensions(tmp_path, cloud):
    with pytest.raises(ValueError, match=r"kept in \.csv, \.npz, .* files; got .*cloud\.stl"):
        cloud.save(tmp_path / "cloud.stl")
