"""The picture of a solution, in one, two or three dimensions, and the movie of one in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..internal.expected import NUMBER, OF_A_POINT_IN_TIME, PATH, expects
from ..internal.processes import is_first
from ..pde.problem import Problem
from ..solving.branch import Branch
from ..solving.l_curve import LCurve
from ..solving.modes import Modes, Spectrum
from ..solving.solution import Snapshot, Solution
from ..solving.trajectory import Trajectory
from .branches import plot_branch
from .curves import plot_curve
from .cutaway import body_of
from .eigenfunctions import plot_modes
from .film_files import MOVIES, movie_path, write_movie
from .films import film_of
from .l_curves import plot_l_curve
from .lines import plot_line
from .planes import plot_plane
from .sections import plot_space
from .spectra import plot_spectrum
from .stills import STILLS, plot_stills
from .style import PathLike, checked_path, finish, italic
from .subject import Subject

if TYPE_CHECKING:
    import matplotlib.figure


FRAMES = {1: 101, 2: 101, 3: 41}  # of a movie, by dimension: a hundred steps


@expects(
    u=Solution | Trajectory | Spectrum | Modes | Branch | LCurve,
    path=PATH,
    exact=OF_A_POINT_IN_TIME,
    problem=Problem,
    title=str,
    name=str,
    fps=NUMBER,
)
def plot(
    u: Solution | Trajectory | Spectrum | Modes | Branch | LCurve,
    path: PathLike = None,
    *,
    exact: Callable | None = None,
    problem: Problem | None = None,
    title: str | None = None,
    name: str = "u",
    labels: Sequence[str] = ("x", "y", "z"),
    frames: int | ArrayLike | None = None,
    fps: float = 25.0,
    progress: bool | None = None,
) -> matplotlib.figure.Figure:
    """The picture of a solution, and of its absolute error where the exact one is known; of one in time, a movie.

    One dimension: curves with the nodes marked. Two: filled contours on the domain, a panel each field, and
    streamlines over the speed of two fields. Three: the body without the eighth that faces the viewer, and the
    sections through the middle of the bounding box. Of a surface: itself, as a curve in the plane and a body in space.
    Bodies are drawn by pyvista (extra `view`), smooth and with their edges, or by Matplotlib where pyvista is missing
    or cannot render. Of a `Posterior`, on the line a band of two standard deviations on either side, in the plane a
    panel of the standard deviation.

    A movie (`path` is .mp4 or .gif) shows the same at each time, in one scale of colours, or of the axis, for all;
    what is returned is its last frame. An MP4 file needs ffmpeg, of the system or of the package imageio-ffmpeg:
    without, a GIF file is written beside it, with a warning. Pictures of a solution in time show on the line curves
    at some times, and all times as colours over x and t; in the plane a row of times; in space the last time.

    Of a `Spectrum`: its eigenvalues in the complex plane. Of `Modes`: the first functions, six curves on the line, a
    panel each for twelve in the plane, in space the first. Of a `Branch`: the norm of u over the parameter. Of an
    `l_curve`: the size of its term over the misfit, with the corner.

    - `path`: a .png, .pdf, .svg or .jpg file in a folder that exists; a failed write leaves an old file whole
    - `exact`: the exact solution, a function of one point, or of (x, t); default `problem.exact`
    - `problem`: lends its exact solution, its domain where u's cloud has none, and its data, which are marked
    - `title`, `name` (of the function), `labels` (of the coordinates): the words on the picture
    - `frames`: how many equally spaced times, or which; by default 101 for a movie, 41 in space
    - `fps`: frames in a second; `progress`: whether a bar shows how many are made, by default in a terminal

    Of several processes that have solved together the first draws; of the others an empty figure is returned.
    Without a domain the hull of the nodes is painted, without what the boundary's normals show to lie outside.
    Raises TypeError for what is no Solution; ValueError for another extension, more than three dimensions, values
    that are nowhere finite, an exact solution of another shape than u, nodes on one line or plane without a domain,
    sections that all miss the domain; FileNotFoundError for a missing folder.
    """
    if isinstance(u, Spectrum):
        return finish(plot_spectrum(u), title, checked_path(path))
    if isinstance(u, Branch):
        return finish(plot_branch(u), title, checked_path(path))
    if isinstance(u, LCurve):
        return finish(plot_l_curve(u), title, checked_path(path))
    in_time = isinstance(u, Trajectory)
    path = checked_path(path, MOVIES if in_time else ())
    if frames is not None and not in_time:
        raise ValueError("frames= are the times of what mf.evolve returns, and this solution has none: drop it")
    if not 0 < fps <= 100:
        raise ValueError(f"fps is the number of frames in a second, from 1 to 100; got {fps}")
    cloud, domain = u.space.cloud, u.space.cloud.domain
    if problem is not None:
        domain = problem.domain if domain is None else domain
        if isinstance(u, Snapshot) and problem.has_parameter:
            problem = problem.at(u.time)
        exact = problem.exact if exact is None else exact
    domain = body_of(domain)
    if cloud.dim > 3:
        raise ValueError(f"pictures are of functions in 1, 2 or 3 dimensions; this one has {cloud.dim}")
    if domain is None and np.linalg.matrix_rank(cloud.points - np.mean(cloud.points, axis=0)) < cloud.dim:
        raise ValueError(f"the {len(cloud)} nodes span no region to draw on: use problem= to give a domain")
    if not is_first():
        from matplotlib.figure import Figure

        return Figure()
    if isinstance(u, Modes):
        return finish(plot_modes(u, domain, tuple(map(italic, labels))), title, path)
    subject = Subject(u, exact, cloud, domain, name, tuple(map(italic, labels)), problem=problem)
    if not isinstance(u, Trajectory):
        in_plane = plot_plane if cloud.manifold_dim == 2 else plot_curve
        draw = {1: plot_line, 2: in_plane, 3: plot_space}[cloud.dim]
        return finish(draw(subject), title, path)
    if cloud.dim == 2 and cloud.manifold_dim == 1:
        raise ValueError("a function in time on a curve is drawn at one time: mf.plot(u.at(t))")
    is_movie = path is not None and path.suffix.lower() in MOVIES
    usual = (FRAMES if is_movie else STILLS)[cloud.dim]
    subject = subject._replace(times=u.frames(usual if frames is None else frames))
    if path is None or not is_movie:
        return finish(*plot_stills(subject, title), path)
    path, film = movie_path(path), film_of(subject, title)
    write_movie(path, film.frame, len(subject.times), fps, progress)
    return film.finish()
