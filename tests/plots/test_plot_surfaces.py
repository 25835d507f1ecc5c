"""Bodies in space: their triangles, edges and corners kept, and the images of these with and without pyvista."""

import importlib.util
import math
import subprocess

import numpy as np
import pytest
from plot_cases import first, map_color, panels, solution, swirl
from shared_cases import BLOCK, as_arrays, cloud_of

import meshfree as mf
from meshfree.geometry.contouring import skin
from meshfree.geometry.simplices import distance_from_nodes
from meshfree.plots import plot, render
from meshfree.plots.cutaway import VIEWER, View, cut_open
from meshfree.plots.scales import SEQUENTIAL, UNKNOWN, value_scale
from meshfree.plots.triangles import zero_line

CUBE = mf.Box((0, 0, 0), (1, 1, 1))
TUBE = CUBE - mf.Box((0.3, 0.3, -1), (0.6, 0.6, 2))
PYVISTA = pytest.mark.skipif(importlib.util.find_spec("pyvista") is None, reason="needs pyvista")


def measured(body):
    """The volume inside triangles, counter-clockwise from outside, their area, and how many edges are not shared."""
    a, b, c = np.moveaxis(body.vertices[body.triangles], 1, 0)
    edges = np.concatenate([body.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
    _, back = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0, return_counts=True)
    return np.sum(a * np.cross(b, c)) / 6, np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2, np.sum(back == 1)


@pytest.mark.parametrize(
    ("shape", "volume", "area", "tolerance"),
    [
        (mf.Ball((1.0, 2.0, 3.0), 0.5), math.pi / 6, math.pi, 1e-3),
        (CUBE, 1.0, 6.0, 1e-3),
        (TUBE, 0.91, 6 - 0.18 + 1.2, 1e-3),
        (BLOCK, 2 - 0.036 * math.pi, 10 + 0.36 * math.pi, 1e-3),
        (mf.Box((0, 0, 0), (5, 1, 1)), 5.0, 22.0, 1e-3),
    ],
    ids=["ball", "cube", "tube", "cavity", "beam"],
)
def test_a_body_has_a_closed_surface_of_its_volume_and_area(shape, volume, area, tolerance):
    found = measured(skin(shape.distance, *shape.bounds))
    assert found[:2] == pytest.approx((volume, area), rel=tolerance)
    assert found[2] == 0


def test_corners_and_edges_are_kept():
    vertices = skin(TUBE.distance, *TUBE.bounds).vertices
    for corner in [(0, 0, 0), (1, 1, 1), (0.3, 0.3, 0), (0.6, 0.3, 1)]:
        assert np.linalg.norm(vertices - corner, axis=1).min() < 1e-3
    assert np.abs(TUBE.distance(vertices)).max() < 1e-3


def test_a_surface_known_by_a_function_that_is_no_distance():
    def torus(X):
        return 3 * ((np.hypot(X[:, 0], X[:, 1]) - 1) ** 2 + X[:, 2] ** 2 - 0.16)

    corner = np.array([1.4, 1.4, 0.4])
    volume, area, open_edges = measured(skin(torus, -corner, corner))
    assert (volume, area) == pytest.approx((2 * math.pi**2 * 0.16, 4 * math.pi**2 * 0.4), rel=2e-3)
    assert open_edges == 0


def test_the_surface_between_nodes_without_a_domain():
    cloud = mf.Torus().cloud(0.15)
    distance = distance_from_nodes(cloud.points, cloud.normal_vectors)
    volume, area, _ = measured(skin(distance, cloud.points.min(axis=0), cloud.points.max(axis=0)))
    assert (volume, area) == pytest.approx((2 * math.pi**2 * 0.16, 4 * math.pi**2 * 0.4), rel=0.02)


def test_the_eighth_that_faces_the_viewer_is_cut_away():
    body = cut_open(CUBE.distance, *CUBE.bounds)
    assert measured(body)[:2] == pytest.approx((7 / 8, 6.0), rel=1e-3)
    away = np.sign(VIEWER) * (body.vertices - 0.5)
    assert away.min(axis=1).max() < 1e-3
    assert np.linalg.norm(body.vertices - 0.5, axis=1).min() < 1e-3


def test_a_line_where_a_distance_is_zero_has_its_corners():
    square = mf.Box((0.2, 0.3), (0.9, 0.8)) - mf.Disk((0.2, 0.3), 0.2)
    X = zero_line(square.distance, *square.bounds)
    assert np.abs(square.distance(X)).max() < 1e-5  # of cells of 5e-3
    for corner in [(0.9, 0.3), (0.9, 0.8), (0.2, 0.8), (0.4, 0.3), (0.2, 0.5)]:
        assert np.linalg.norm(X - corner, axis=1).min() < 1e-4


def test_colours_are_those_of_the_scale_and_grey_where_there_is_no_value():
    values = np.array([0.0, 0.5, 2.0, np.nan])
    colors = value_scale(values).rgb(values)
    np.testing.assert_allclose(
        colors[:3] / 255, [map_color(SEQUENTIAL, share) for share in (0.0, 0.25, 1.0)], atol=3e-3
    )
    np.testing.assert_array_equal(colors[3], UNKNOWN)


# ------------------------------------------------------------------------------------------------------------ images


def two_sheets():
    """Two squares across the viewer's direction, the red one nearer, which covers a half of the blue one."""
    square = np.array([(0.0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    X = np.concatenate([square, [0.5, 1, 1] * square + [0, 0, 0.5]])
    triangles = np.array([(4, 5, 6), (4, 6, 7), (0, 1, 2), (0, 2, 3)])
    colors = np.repeat(np.array([(0, 0, 255), (255, 0, 0)], np.uint8), 4, axis=0)
    return X, triangles, [colors, colors[:, ::-1]], (np.full(3, -0.5), np.full(3, 1.5)), (100, 80)


def check_sheets(images):
    for image, near, far in zip(images, (0, 2), (2, 0), strict=True):
        height, width = image.shape[:2]
        shares = {"near": (0.375, 0.5), "far": (0.625, 0.5), "beside": (0.1, 0.5), "above": (0.5, 0.1)}
        pixels = {name: image[round(y * height), round(x * width)] for name, (x, y) in shares.items()}
        for name, channel in (("near", near), ("far", far)):
            assert np.argmax(pixels[name][:3]) == channel
            assert pixels[name][channel] > 150
            assert pixels[name][3] == 255
        assert pixels["beside"][3] == pixels["above"][3] == 0


def test_matplotlib_paints_the_nearer_triangles_over_the_others(monkeypatch):
    monkeypatch.setattr(render, "find_spec", lambda name: None)
    X, triangles, colors, (low, high), _ = two_sheets()
    check_sheets(render.render_images(X, triangles, colors, (low, high), (100, 100)))
    behind = triangles[:, ::-1]  # turned away from the viewer
    assert not np.any(render.render_images(X, behind, colors[:1], (low, high), (20, 20))[0][..., 3])


@PYVISTA
def test_pyvista_shows_the_same_in_a_process_of_its_own(capfd):
    X, triangles, colors, box, _ = two_sheets()
    images = render._by_pyvista(X, triangles, colors, box, (100, 100))
    if images is None:
        pytest.skip("pyvista cannot render on this machine")
    assert [image.shape for image in images] == [(100, 100, 4)] * 2
    check_sheets(images)
    assert capfd.readouterr() == ("", "")


@PYVISTA
@pytest.mark.parametrize("failure", ["crash", "too late", "no program"])
def test_where_pyvista_fails_matplotlib_takes_its_place(monkeypatch, failure):
    def run(command, **options):
        if failure == "crash":
            raise subprocess.CalledProcessError(-11, command)
        if failure == "too late":
            raise subprocess.TimeoutExpired(command, options["timeout"])
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "run", run)
    X, triangles, colors, box, _ = two_sheets()
    check_sheets(render.render_images(X, triangles, colors, box, (100, 100)))


def test_a_view_shows_the_bounding_box_from_the_front():
    lower, upper = np.array([-1.0, 0, 0]), np.array([3.0, 1, 2])
    view = View(lower, upper)
    seen = view.project(np.array([[3.0, 0, 2], [-1, 1, 0], [-1, 0, 0], [3, 1, 0]]))
    assert np.argmax(seen[:, 2]) == 0
    assert np.argmin(seen[:, 2]) == 1
    assert np.ptp(seen[2:, 0]) == pytest.approx(view.size[0])
    assert np.linalg.norm(seen[0] - seen[1]) == pytest.approx(np.sqrt(21))


@pytest.mark.usefixtures("coarse_pictures")
@pytest.mark.parametrize("cloud", ["block", "arrays"])
def test_the_body_is_beside_its_sections(cloud):
    chosen = as_arrays(cloud_of("block")) if cloud == "arrays" else cloud_of("block")
    figure = plot(solution(swirl, chosen), exact=lambda x: swirl(x) + 1e-3 * x[0])
    bodies = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in bodies] == ["$u$$_1$", "|$u$$_1$ − exact|", "$u$$_2$", "|$u$$_2$ − exact|"]
    assert len(panels(figure)) == 12
    for axes in bodies:
        assert {"$x$", "$y$", "$z$", "0", "1", "2"} <= {text.get_text() for text in axes.texts}
        (image,) = axes.images
        pixels = np.asarray(image.get_array())
        assert 0.3 < (pixels[..., 3] > 0).mean() < 0.9


@pytest.mark.usefixtures("coarse_pictures")
def test_a_body_has_the_colours_of_its_values():
    figure = plot(solution(first, cloud_of("block")))
    (image,) = figure.axes[0].images
    pixels, extent = np.asarray(image.get_array()), np.array(image.get_extent())
    view = View(*BLOCK.bounds)
    for point in [(0.5, 0.0, 0.3), (1.5, 0.0, 0.2), (0.5, 0.4, 1.0)]:
        x, y, _ = view.project(np.array([point]))[0]
        row = round((extent[3] - y) / (extent[3] - extent[2]) * len(pixels))
        column = round((x - extent[0]) / (extent[1] - extent[0]) * pixels.shape[1])
        found, expected = pixels[row, column, :3] / 255, np.array(map_color(SEQUENTIAL, point[0] / 2))
        share = found @ expected / (expected @ expected)  # of the light
        assert 0.6 < share <= 1.01
        np.testing.assert_allclose(found, share * expected, atol=0.03)
