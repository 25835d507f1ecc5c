"""Surfaces of triangles in files, through trimesh, which is imported for the first of them."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

FORMATS = (".stl", ".obj", ".ply")


def read_triangles(path: str | os.PathLike, kind: str) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Vertices and triangles of a file, as they are there; errors as of `TriangleSurface.load`."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{kind} is loaded from {', '.join(FORMATS)} files, got {path.name!r}")
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    try:
        import trimesh
    except ImportError as error:
        raise ImportError(
            f"{path.suffix.lower()} files need {error.name}: pip install 'meshfree[geometry]'", name=error.name
        ) from error
    try:
        mesh = trimesh.load_mesh(path, process=False)
        vertices, triangles = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, int)
    except Exception as error:  # trimesh checks little: what is damaged shows as an error of any kind
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is damaged, or no {path.suffix.lower()} file of triangles: {reason}") from error
    if len(triangles) == 0:
        raise ValueError(f"{path} holds no triangles")
    return vertices, triangles
