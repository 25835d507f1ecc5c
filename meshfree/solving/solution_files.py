"""Solutions as fields on their cloud's points, for ParaView and other programs that show such files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial import QhullError

from ..equations.basis_derivatives import BasisDerivatives
from ..geometry.cloud import Cloud
from ..geometry.mesh_files import write_mesh
from ..geometry.simplices import facets_between, simplices_between
from ..internal.batching import map_in_blocks
from ..pde.parameter import takes_parameter
from ..spaces.base import Space
from .parallel_files import save_pieces

SUFFIXES = (".npz", ".vtu", ".pvtu", ".vtk", ".xdmf")
_CELLS = {1: "line", 2: "triangle", 3: "tetra"}


def save_fields(
    path: Path,
    space: Space,
    coefficients: Float[Array, "n *f"],
    values: Float[np.ndarray, "m *f"],
    error: Float[np.ndarray, "m *f"] | None = None,
) -> None:
    """Write the function with these coefficients at the m points of the space's cloud, and simplices between these.

    Point data: `u`, its `gradient` and the `error` where it is given; of several fields `u` and `error` are vectors,
    and the gradients `gradient_1`, `gradient_2`, … Vectors have three components, the last ones zero. Cells: lines,
    triangles or tetrahedra inside the domain (without one: not beyond the boundary's normals), lines or triangles along
    a surface; vertices alone where the nodes span no region. Raises ValueError for more than three dimensions,
    ImportError without meshio.
    """
    check_dimensions(path, space)
    slopes = gradient_at_nodes(space, coefficients)
    write_fields(path, np.asarray(space.cloud.points), cells_of(space.cloud), values, slopes, error)


def save_in_pieces(
    path: Path, space: Space, coefficients: Float[Array, "n *f"], values: Callable, exact: Callable | None
) -> None:
    """Write the same as a parallel VTU file, of the pieces of all processes: see `parallel_files.save_pieces`. `values`
    is u at points, (m, d) -> (m, *f). ValueError for a surface, which is one piece.
    """
    check_dimensions(path, space)
    if space.cloud.surface_normals is not None:
        raise ValueError(f"a surface is written as one mesh, and {path.name} would have pieces: use .vtu")

    def write(file: Path, nodes: np.ndarray, simplices: np.ndarray) -> dict[str, np.ndarray]:
        points = np.asarray(space.cloud.points)[nodes]
        cells = (_CELLS[space.cloud.dim], simplices) if len(simplices) else ("vertex", np.arange(len(nodes))[:, None])
        at = values(points), gradient_at_nodes(space, coefficients, nodes)
        error = None if exact is None else error_of(at[0], exact, points)
        write_fields(file, points, [cells], *at, error)
        return data_of(*at, error)

    save_pieces(path, space, write)


def check_dimensions(path: Path, space: Space) -> None:
    """ValueError for a space of more than three dimensions."""
    dim = space.cloud.dim
    if dim > 3:
        raise ValueError(f"a {path.suffix} file has at most 3 coordinates, this solution has {dim}; use .npz")


def write_fields(
    path: Path,
    points: Float[np.ndarray, "m d"],
    cells: list[tuple[str, np.ndarray]],
    values: Float[np.ndarray, "m *f"],
    slopes: Float[np.ndarray, "m *f d"],
    error: Float[np.ndarray, "m *f"] | None = None,
) -> None:
    """Write what `save_fields` says, of known gradients, with the cells of `cells_of`."""
    write_mesh(path, _components(points), cells, data_of(values, slopes, error), {})


def data_of(
    values: Float[np.ndarray, "m *f"],
    slopes: Float[np.ndarray, "m *f d"],
    error: Float[np.ndarray, "m *f"] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of such a file by name, numbers (m,) or vectors (m, 3)."""
    data = {"u": _components(values)}
    if values.ndim == 1:
        data["gradient"] = _components(slopes)
    else:
        data |= {f"gradient_{i + 1}": _components(slopes[:, i]) for i in range(values.shape[1])}
    if error is not None:
        data["error"] = _components(error)
    return data


def error_of(values: Float[np.ndarray, "m *f"], exact: Callable, X: Float[np.ndarray, "m d"]) -> np.ndarray:
    """values − exact at the points X; ValueError where the exact solution has values of another shape."""
    known = np.asarray(jax.jit(lambda X: jax.lax.map(exact, X, batch_size=4096))(jnp.asarray(X)))
    if known.shape != values.shape:
        raise ValueError(f"exact has values of shape {known.shape[1:]}, the solution of shape {values.shape[1:]}")
    return values - known


def exact_at_times(
    exact: Callable, X: Float[np.ndarray, "m d"], times: Float[np.ndarray, " k"], like: Float[np.ndarray, "k m *f"]
) -> Float[np.ndarray, "k m *f"]:
    """A function of (x, t) at points and times; ValueError for one of x, or of another shape than `like`."""
    if takes_parameter(exact, ("x",)) is False:
        raise ValueError("exact is a function of (x, t), as u is; got a function of x alone")

    def at_points(X, t):
        return jax.lax.map(lambda x: exact(x, t), X, batch_size=4096)

    program = jax.jit(at_points)  # one for all times
    known = np.stack([np.asarray(program(jnp.asarray(X), jnp.asarray(t))) for t in times])
    if known.shape != like.shape:
        raise ValueError(f"exact has values of shape {known.shape[2:]}, the solution of shape {like.shape[2:]}")
    return known


def gradient_at_nodes(
    space: Space, coefficients: Float[Array, "n *f"], places: Any = slice(None)
) -> Float[np.ndarray, "m *f d"]:
    """∇u at the points of the space's cloud, or some, by the derivatives of its functions, as in the equations."""
    dim = space.cloud.dim
    if not space.has_rows:
        return np.asarray(_gradients(space.function(coefficients), jnp.asarray(space.cloud.points[places]), space.size))
    jets = BasisDerivatives.at_nodes(space)[places].jets(
        np.asarray(coefficients), 1
    )  # (m, 1 + d, *f): u, its slope by x_d, …
    return np.moveaxis(jets[:, dim:0:-1], 1, -1)


@eqx.filter_jit
def _gradients(u: Callable, X: Float[Array, "m d"], width: int):
    return map_in_blocks(jax.jacfwd(u), X, width)


def cells_of(cloud: Cloud) -> list[tuple[str, np.ndarray]]:
    """Simplices between the points of a cloud, inside of its domain, as meshio takes them; on a surface its facets."""
    points, normals = np.asarray(cloud.points), np.asarray(cloud.normal_vectors)
    if cloud.surface_normals is not None:
        normals = np.asarray(cloud.surface_normals)
        body = getattr(cloud.domain, "body", None)
        return [(_CELLS[cloud.dim - 1], facets_between(points, normals, body))]
    try:
        simplices = simplices_between(points, normals, cloud.domain)
    except QhullError:
        simplices = np.empty((0, cloud.dim + 1), int)
    if not len(simplices):
        return [("vertex", np.arange(len(points))[:, None])]
    return [(_CELLS[cloud.dim], simplices)]


def _components(values: np.ndarray) -> np.ndarray:
    """Vectors of less than three components with zeros behind: the files know others as lists of numbers only."""
    if values.ndim == 1 or values.shape[1] >= 3:
        return values
    return np.pad(values, ((0, 0), (0, 3 - values.shape[1])))
