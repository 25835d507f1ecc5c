"""Images of triangles in space, by pyvista where it is installed, otherwise by Matplotlib."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

LIGHT = np.array([0.25, 0.4, 0.88])  # the direction towards the light: right, up, towards the viewer
AMBIENT, DIFFUSE = 0.7, 0.32
SECONDS = 60  # after which pyvista is given up
FINER = 2  # pixels that Matplotlib draws for one of `pixels`


def render_images(
    X: Float[np.ndarray, "m 3"],
    triangles: Int[np.ndarray, "t 3"],
    colors: Sequence[UInt8[np.ndarray, "m 3"]],
    box: tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]],
    pixels: tuple[int, int],
) -> list[UInt8[np.ndarray, "h w 4"]]:
    """An image of the triangles for each set of colours of their vertices, transparent beside the triangles.

    Coordinates are right, up and towards the viewer; `box`, two corners, is what `pixels`, width and height, show.
    """
    images = _by_pyvista(X, triangles, colors, box, pixels)
    return [_by_matplotlib(X, triangles, one, box, pixels) for one in colors] if images is None else images


def _by_pyvista(X, triangles, colors, box, pixels) -> list[np.ndarray] | None:
    """The images, or None where pyvista is missing or cannot render.

    They are made in a process of their own: where there is no display and no EGL, VTK ends its process by a
    segmentation fault, and it writes to standard error.
    """
    if find_spec("pyvista") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        scene, images = Path(folder, "scene.npz"), Path(folder, "images.npy")
        light: dict[str, Any] = {"light": LIGHT, "ambient": AMBIENT, "diffuse": DIFFUSE}
        np.savez(scene, X=X, triangles=triangles, colors=np.stack(colors), box=np.stack(box), pixels=pixels, **light)
        script = Path(__file__).with_name("render_process.py")
        try:
            subprocess.run(
                [sys.executable, "-P", script, scene, images], capture_output=True, timeout=SECONDS, check=True
            )
            return list(np.load(images))
        except (OSError, subprocess.SubprocessError):
            return None


def _by_matplotlib(X, triangles, colors, box, pixels) -> np.ndarray:
    """The triangles that face the viewer, the furthest first, each in one colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

    corners = X[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.flatnonzero(normals[:, 2] > 0)
    order = facing[np.argsort(corners[facing, :, 2].mean(axis=1))]
    lit = normals[order] @ LIGHT / np.linalg.norm(normals[order], axis=1) / np.linalg.norm(LIGHT)
    shade = np.minimum(AMBIENT + DIFFUSE * np.maximum(lit, 0), 1)
    painted = colors[triangles[order]].mean(axis=1) / 255 * shade[:, None]
    figure = Figure(figsize=(pixels[0] / 100, pixels[1] / 100), dpi=100 * FINER, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.add_collection(PolyCollection(corners[order, :, :2], facecolors=painted, lw=0, antialiaseds=False))
    axes.set(xlim=(box[0][0], box[1][0]), ylim=(box[0][1], box[1][1]))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
