"""Files of meshes that other programs know, read and written by meshio, an optional package."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..internal.extras import needed_for, require
from ..internal.files import replaced
from .gmsh_files import read_gmsh

if TYPE_CHECKING:
    import meshio

# suffix -> meshio's module, and how it writes: numbers in full, and everything in one file
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".vtk": ("vtk", {}),
    ".vtu": ("vtu", {}),
    ".xdmf": ("xdmf", {"data_format": "XML"}),
    ".msh": ("gmsh", {"fmt_version": "2.2"}),
}


def read_mesh(path: Path) -> meshio.Mesh:
    """The mesh in a file; ImportError without meshio, ValueError for a file that is damaged or of another format."""
    module, _ = _meshio(path)
    with _needed_for(path):
        try:
            return read_gmsh(path, module.read) if path.suffix.lower() == ".msh" else module.read(path)
        except ImportError:
            raise
        except MemoryError as error:
            raise MemoryError(f"{path} needs more memory than there is: {error}") from error
        except Exception as error:  # meshio checks little: what is damaged shows as an error of any kind
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"{path} is damaged, or not a file that meshio reads as {path.suffix}: {reason}"
            ) from error


def write_mesh(path: Path, points, cells: list, point_data: dict[str, Any], cell_data: dict[str, Any]) -> None:
    """Write a mesh as the suffix says; a failed write leaves an old file as it was. ImportError without meshio."""
    module, options = _meshio(path)
    mesh = require("meshio", _purpose(path)).Mesh(points, cells, point_data=point_data, cell_data=cell_data)
    with _needed_for(path), replaced(path) as temporary:
        module.write(temporary, mesh, **options)


def _meshio(path: Path) -> tuple[ModuleType, dict[str, Any]]:
    """The module of meshio for these files, and its options for writing them."""
    name, options = FORMATS[path.suffix.lower()]
    return require(f"meshio.{name}", _purpose(path)), options


def _needed_for(path: Path):
    """For what meshio itself imports late, as h5py."""
    return needed_for(_purpose(path), "geometry")


def _purpose(path: Path) -> str:
    return f"a {path.suffix.lower()} file"
