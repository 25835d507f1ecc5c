"""The picture of a solution, in one, two or three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..internal.expected import OF_A_POINT, PATH, expects
from ..pde.problem import Problem
from ..solving.solution import Solution
from .lines import plot_line
from .planes import plot_plane
from .sections import plot_space
from .style import PathLike, checked_path, finish, italic
from .subject import Subject

if TYPE_CHECKING:
    import matplotlib.figure


@expects(u=Solution, path=PATH, exact=OF_A_POINT, problem=Problem, title=str, name=str)
def plot(
    u: Solution,
    path: PathLike = None,
    *,
    exact: Callable | None = None,
    problem: Problem | None = None,
    title: str | None = None,
    name: str = "u",
    labels: Sequence[str] = ("x", "y", "z"),
) -> matplotlib.figure.Figure:
    """The picture of a solution, and of its absolute error where the exact one is known.

    One dimension: curves with the nodes marked. Two: filled contours on the domain, a panel each field, and
    streamlines over the speed of two fields. Three: the body without the eighth that faces the viewer, and the
    sections through the middle of the bounding box. Bodies are drawn by pyvista (extra `view`), smooth and with their
    edges, or by Matplotlib where pyvista is missing or cannot render.

    - `path`: a .png, .pdf, .svg or .jpg file in a folder that exists; a failed write leaves an old file whole
    - `exact`: the exact solution, a function of one point; default `problem.exact`
    - `problem`: lends its exact solution, and its domain where u's cloud has none
    - `title`, `name` (of the function), `labels` (of the coordinates): the words on the picture

    Without a domain the hull of the nodes is painted, without what the boundary's normals show to lie outside.
    Raises TypeError for what is no Solution; ValueError for another extension, more than three dimensions, values
    that are nowhere finite, an exact solution of another shape than u, nodes on one line or plane without a domain,
    sections that all miss the domain; FileNotFoundError for a missing folder.
    """
    path = checked_path(path)
    if not isinstance(u, Solution):
        raise TypeError(f"plot draws a Solution, got {type(u).__name__}: use mf.interpolate to make one of a function")
    cloud, domain = u.space.cloud, u.space.cloud.domain
    if problem is not None:
        domain = problem.domain if domain is None else domain
        exact = problem.exact if exact is None else exact
    domain = getattr(domain, "unrolled", domain)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of functions in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    if domain is None and np.linalg.matrix_rank(cloud.points - np.mean(cloud.points, axis=0)) < cloud.dim:
        raise ValueError(f"the {len(cloud)} nodes span no region to draw on: use problem= to give a domain")
    draw = {1: plot_line, 2: plot_plane, 3: plot_space}[cloud.dim]
    subject = Subject(u, exact, cloud, domain, name, tuple(map(italic, labels)))
    return finish(draw(subject), title, path)
