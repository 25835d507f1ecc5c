"""The process that `render` starts: it reads triangles from an NPZ file and writes their images by pyvista."""

import sys

import numpy as np
import pyvista

SHARP = 30  # degrees between triangles, from which on an edge is drawn and not smoothed
EDGES = {"color": "#222222", "line_width": 1.5, "lighting": False}


def render(X, triangles, colors, box, pixels, light, ambient, diffuse) -> np.ndarray:
    """An image of the triangles; the arguments are those of `render.render_images`, and the light."""
    body = pyvista.PolyData.from_regular_faces(X, triangles)
    body.point_data["colors"] = colors
    plotter = pyvista.Plotter(off_screen=True, window_size=[int(one) for one in pixels], lighting="none")
    surface = {"ambient": float(ambient), "diffuse": float(diffuse), "specular": 0.0, "feature_angle": SHARP}
    plotter.add_mesh(body, scalars="colors", rgb=True, smooth_shading=True, split_sharp_edges=True, **surface)
    flat = {"boundary_edges": False, "non_manifold_edges": False, "manifold_edges": False}
    edges = body.extract_feature_edges(SHARP, **flat)
    (left, below, back), (right, above, front) = box
    if edges.n_points:
        edges.points[:, 2] += 0.004 * (right - left)  # else they sink into the surface here and there
        plotter.add_mesh(edges, **EDGES)
    plotter.add_light(pyvista.Light(position=tuple(light), focal_point=(0, 0, 0), light_type="scene light"))
    middle = np.array([left + right, below + above, back + front]) / 2
    plotter.camera.focal_point = middle
    plotter.camera.position = middle + np.array([0, 0, 4 * (front - back)])
    plotter.camera.up = (0, 1, 0)
    plotter.enable_parallel_projection()
    plotter.camera.parallel_scale = (above - below) / 2
    plotter.enable_anti_aliasing("msaa")
    image = plotter.screenshot(return_img=True, transparent_background=True)
    plotter.close()
    return image


def main(scene: str, images: str) -> None:
    """Read the scene and write its images, one for each set of colours."""
    with np.load(scene) as file:
        given = dict(file)
    np.save(images, np.stack([render(**given | {"colors": colors}) for colors in given["colors"]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
