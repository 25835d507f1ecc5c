"""Files with wrong bytes: whatever is in them, a reader gives an object or one of three errors with the file's name."""

import io
import zipfile

import jax
import meshio
import numpy as np
import pytest
import trimesh
from mesh_cases import MSH_4

import meshfree as mf

TRIES = 100


def text_of(points, normals):
    return "".join(f"{x} {y} 0 {u} {v} 0\n" for (x, y), (u, v) in zip(points, normals, strict=True))


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A file for each reader, by its name."""
    folder = tmp_path_factory.mktemp("valid")
    cloud = (mf.Box() - mf.Disk((0.5, 0.5), 0.2, name="hole")).cloud(0.3)
    for suffix in (".csv", ".npz", ".vtk", ".vtu", ".xdmf", ".msh"):
        cloud.save(folder / f"cloud{suffix}")
    (folder / "cloud.xyz").write_text(text_of(cloud["hole"], cloud.normals["hole"]))
    head = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    (folder / "cloud.ply").write_text(head + "0 0 1\n1 1 0\n")
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 0]], float)
    lines, triangles = [[0, 1], [1, 2], [2, 3], [3, 0]], [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    tags = [np.array([1, 1, 2, 2]), np.full(4, 3)]
    data = {"gmsh:physical": tags, "gmsh:geometrical": [tag.copy() for tag in tags]}
    mesh = meshio.Mesh(points, [("line", lines), ("triangle", triangles)], cell_data=data)
    mesh.field_data = {"wall": np.array([1, 1])}
    meshio.gmsh.write(folder / "mesh22.msh", mesh, fmt_version="2.2", binary=False)
    (folder / "mesh41.msh").write_text(MSH_4)
    mesh.point_data["gmsh:dim_tags"] = np.array([[1, 1]] * 4 + [[2, 3]])
    data["gmsh:geometrical"] = [np.ones(4, int), np.full(4, 3)]
    mesh.cell_data = data
    meshio.gmsh.write(folder / "binary41.msh", mesh, fmt_version="4.1", binary=True)
    space = mf.Collocation(mf.Gaussian(0.3), cloud, degree=1)
    mf.Solution(space, jax.numpy.zeros(space.size), {"steps": 1}).save(folder / "solution.npz")
    box = trimesh.creation.box()
    for name in ("box.obj", "box.ply", "binary.stl"):
        box.export(folder / name)
    box.export(folder / "text.stl", file_type="stl_ascii")
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    (folder / "ring.geojson").write_text(
        f'{{"type": "Feature", "geometry": {{"type": "Polygon", "coordinates": [{ring}]}}}}'
    )
    return folder


READERS = {
    "cloud.csv": mf.Cloud.load,
    "cloud.npz": mf.Cloud.load,
    "cloud.xyz": mf.Cloud.load,
    "cloud.ply": mf.Cloud.load,
    "cloud.vtk": mf.Cloud.load,
    "cloud.vtu": mf.Cloud.load,
    "cloud.xdmf": mf.Cloud.load,
    "cloud.msh": mf.Cloud.load,
    "mesh22.msh": mf.Cloud.load,
    "mesh41.msh": mf.Cloud.load,
    "binary41.msh": mf.Cloud.load,
    "solution.npz": mf.Solution.load,
    "box.obj": mf.TriangleSurface.load,
    "box.ply": mf.TriangleSurface.load,
    "binary.stl": mf.TriangleSurface.load,
    "text.stl": mf.TriangleSurface.load,
    "ring.geojson": mf.Polygon.from_geojson,
}
WORDS = [b"", b"-1", b"99999999999", b"nan", b"1e400", b"x", b"[", b"null", b"\xff\xfe", b"\0" * 8, b"\xff" * 8]


def damaged(content: bytes, rng) -> bytes:
    """Some bytes changed, cut out, put in or said twice, or the end missing."""
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, max(len(content), 1)))
        end = at + int(rng.integers(1, 12))
        match int(rng.integers(0, 5)):
            case 0:
                content = content[:at] + bytes([int(rng.integers(0, 256))]) + content[at + 1 :]
            case 1:
                content = content[:at] + content[end:]
            case 2:
                content = content[:at] + WORDS[rng.integers(len(WORDS))] + content[end:]
            case 3:
                content = content[:end] + content[at:]
            case _:
                content = content[:at] if rng.random() < 0.3 else content
    return content


def damaged_inside(content: bytes, rng) -> bytes:
    """One array of an archive damaged, with the right checksum."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = list(members)[rng.integers(len(members))]
    members[chosen] = damaged(members[chosen], rng)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return written.getvalue()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", READERS)
def test_readers_of_damaged_files(valid, name, tmp_path, capsys):
    content, path = (valid / name).read_bytes(), tmp_path / name
    READERS[name](valid / name)
    rng = np.random.default_rng(0)
    refused = 0
    for i in range(TRIES if name != "solution.npz" else TRIES // 3):
        wrong = damaged_inside if name.endswith(".npz") and i % 4 else damaged
        path.write_bytes(wrong(content, rng))
        try:
            READERS[name](path)
        except (ValueError, OSError, MemoryError) as error:
            assert str(path) in str(error), repr(error)
            refused += 1
    assert refused >= 5
