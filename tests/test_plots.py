"""Pictures: what is painted where, the words on them, and the files they are written to."""

import math
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread

import meshfree as mf
from meshfree import plots
from meshfree.plots import plot, plot_cloud, plot_convergence, plot_history
from meshfree.spaces import Space

L_SHAPE = mf.Box((0, 0), (2, 2)) - mf.Box((1, 1), (2, 2))
HOLED = mf.Box() - mf.Disk((0.6, 0.5), 0.2, name="hole")
RING = mf.Disk() - mf.Disk((0, 0), 0.4, name="inner")
BLOCK = mf.Box((0, 0, 0), (2, 1, 1)) - mf.Ball((1.0, 0.5, 0.5), 0.3, name="cavity")
WHITE = (1.0, 1.0, 1.0)


class Known(Space):
    """The multiples of one given function, so that a Solution is known in closed form."""

    cloud: mf.Cloud
    f: Any = eqx.field(static=True)

    @property
    def size(self):
        return jnp.size(self.f(jnp.asarray(self.cloud.points[0])))

    def basis(self, x):
        return jnp.atleast_1d(self.f(x))

    def basis_laplacian(self, x):
        raise NotImplementedError

    def side_conditions(self):
        return jnp.zeros((0, self.size))


def solution(f, cloud):
    space = Known(cloud, f)
    fields = jnp.ndim(f(jnp.asarray(cloud.points[0])))
    return mf.Solution(space, jnp.eye(space.size) if fields else jnp.ones(1), {})


def first(x):
    return x[0]


def wave(x):
    return jnp.sin(3 * x[0])


def swirl(x):
    return jnp.stack([-x[1], x[0]])


def as_arrays(cloud):
    """The same cloud without its domain."""
    return mf.Cloud(interior=cloud["interior"], **{part: (cloud[part], cloud.normals[part]) for part in cloud.normals})


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(plots, "VERTICES", 1500)
    monkeypatch.setattr(plots, "BANDS", 48)


@pytest.fixture(scope="module")
def clouds():
    shapes = {
        "line": mf.Interval(),
        "square": mf.Box(),
        "holed": HOLED,
        "L": L_SHAPE,
        "ring": RING,
        "disk": mf.Disk(),
    }
    found = {name: shape.cloud(spacing=0.1) for name, shape in shapes.items()}
    return found | {
        "cube": mf.Box((0, 0, 0), (1, 1, 1)).cloud(spacing=0.25),
        "block": BLOCK.cloud(spacing=0.3),
    }


def panels(figure):
    """The axes without the colour bars."""
    return [axes for axes in figure.axes if axes.get_xlabel()]


def titles(figure):
    return [axes.get_title() for axes in panels(figure)]


def colors_of(figure):
    """The picture as a function: axes and a point in their coordinates -> its colour."""
    figure.set_layout_engine("none")  # half of the time goes there
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())

    def color_at(axes, x, y):
        column, row = axes.transData.transform((x, y))
        return tuple(pixels[len(pixels) - 1 - round(row), round(column), :3] / 255)

    return color_at


def map_color(name, fraction):
    return colormaps[name](fraction)[:3]


def without_nodes(axes):
    for line in list(axes.lines):
        line.remove()


def area(piece):
    (a, b, c) = np.moveaxis(piece.vertices[piece.triangles], 1, 0)
    (x, y), (s, t) = (b - a).T, (c - a).T
    return np.abs(x * t - y * s).sum() / 2


# ------------------------------------------------------------------------------------------- on the line


def test_a_curve_is_u_and_the_nodes_lie_on_it(clouds):
    figure = plot(solution(wave, clouds["line"]), title="A wave", name="v", labels=["s"])
    (axes,) = figure.axes
    curve, nodes = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), np.sin(3 * curve.get_xdata()))
    assert curve.get_xdata()[[0, -1]] == pytest.approx([0, 1])
    np.testing.assert_array_equal(nodes.get_xdata(), np.sort(clouds["line"].points[:, 0]))
    np.testing.assert_allclose(nodes.get_ydata(), np.sin(3 * nodes.get_xdata()))
    assert (axes.get_xlabel(), axes.get_ylabel(), figure.get_suptitle()) == ("$s$", "$v$", "A wave")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$v$", "11 nodes"]


def test_the_error_of_a_curve_is_below_it(clouds):
    figure = plot(solution(wave, clouds["line"]), exact=lambda x: wave(x) + 1e-3 * x[0])
    top, below = figure.axes
    np.testing.assert_allclose(top.lines[-1].get_ydata(), np.sin(3 * top.lines[-1].get_xdata()), atol=2e-3)
    assert top.lines[-1].get_label() == "exact"
    np.testing.assert_allclose(below.lines[0].get_ydata(), 1e-3 * below.lines[0].get_xdata(), atol=1e-15)
    assert below.get_yscale() == "log"
    assert below.get_title() == r"|$u$ − exact|, max $1.0 \times 10^{-3}$"


def test_a_curve_stops_where_the_domain_does():
    cloud = (mf.Interval(0, 1) - mf.Interval(0.4, 0.5)).cloud(spacing=0.05)
    x, y = plot(solution(wave, cloud)).axes[0].lines[0].get_data()
    np.testing.assert_array_equal(np.isnan(y), (x > 0.4 + 1e-8) & (x < 0.5 - 1e-8))


def test_many_nodes_on_the_line_are_strokes():
    figure = plot(solution(wave, mf.Interval().cloud(spacing=0.01)))
    assert figure.axes[0].lines[1].get_marker() == "|"


def test_fields_on_the_line_share_the_panel(clouds):
    u = solution(lambda x: jnp.stack([x[0], x[0] ** 2]), clouds["line"])
    top, below = plot(u, exact=lambda x: jnp.stack([x[0], x[0] ** 3])).axes
    labels = [text.get_text() for text in top.get_legend().get_texts()]
    assert labels == ["$u$$_1$", "$u$$_2$", "11 nodes", "exact"]
    assert below.get_title().startswith("error, max 0.14")


def test_without_an_error_there_is_nothing_to_put_on_a_logarithmic_axis(clouds):
    below = plot(solution(wave, clouds["line"]), exact=wave).axes[1]
    assert below.get_yscale() == "linear" or max(below.lines[0].get_ydata()) < 1e-15


# ------------------------------------------------------------------------------------------ in the plane


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("square", 1.0, 1e-9),
        ("L", 3.0, 1e-9),
        ("disk", math.pi, 3e-3),
        ("holed", 1 - 0.04 * math.pi, 1e-3),
        ("ring", 0.84 * math.pi, 3e-3),
    ],
)
def test_the_triangles_cover_the_domain_and_nothing_else(clouds, name, expected, tolerance):
    assert area(plots._piece_of_domain(clouds[name].domain)) == pytest.approx(expected, rel=tolerance)


def test_overlapping_shapes_are_painted_once():
    cross = mf.Box((-2, -1), (2, 1)) | mf.Box((-1, -2), (1, 2))
    assert area(plots._piece_of_domain(cross)) == pytest.approx(12, rel=1e-9)


def test_a_domain_known_by_its_distance_alone_is_followed():
    only = SimpleNamespace(dim=2, bounds=RING.bounds, distance=RING.distance)
    assert area(plots._piece_of_domain(only)) == pytest.approx(0.84 * math.pi, rel=3e-3)


@pytest.mark.parametrize(("name", "expected"), [("square", 1.0), ("L", 3.0), ("ring", 0.84 * math.pi)])
def test_without_a_domain_the_normals_tell_what_is_outside(clouds, name, expected):
    piece = plots._piece_of_nodes(as_arrays(clouds[name]))
    assert area(piece) == pytest.approx(expected, rel=1e-9 if name != "ring" else 0.02)


def test_without_normals_the_hull_is_painted(clouds):
    assert area(plots._piece_of_nodes(mf.Cloud(interior=clouds["L"].points))) == pytest.approx(3.5, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("holed", (0.23, 0.7), [(0.6, 0.5), (0.6, 0.32), (0.79, 0.5)]),
        ("L", (0.47, 1.6), [(1.5, 1.5), (1.04, 1.04)]),
        ("disk", (0.47, 0.3), [(0.72, 0.74), (-0.9, 0.9)]),
    ],
)
def test_the_domain_is_painted_with_the_colours_of_u_and_what_is_outside_is_not(clouds, name, inside, outside):
    figure = plot(solution(first, clouds[name]))
    (axes,) = panels(figure)
    without_nodes(axes)
    color_at = colors_of(figure)
    assert [color_at(axes, *point) for point in outside] == [WHITE] * len(outside)
    low, high = axes.child_axes[0].get_ylim()
    expected = map_color(plots.DIVERGING if low < 0 else plots.SEQUENTIAL, (inside[0] - low) / (high - low))
    np.testing.assert_allclose(color_at(axes, *inside), expected, atol=0.03)


def test_nodes_are_dots_and_the_axes_are_labelled(clouds):
    figure = plot(solution(first, clouds["holed"]), labels=("time", "y"))
    (axes,) = panels(figure)
    interior, boundary = axes.lines
    assert len(interior.get_xdata()) == len(clouds["holed"]["interior"])
    assert len(interior.get_xdata()) + len(boundary.get_xdata()) == len(clouds["holed"])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("time", "$y$", "$u$")
    assert axes.get_aspect() == 1.0


def test_nodes_too_dense_to_be_seen_are_left_out():
    X = np.stack(np.meshgrid(*[np.linspace(0, 1, 70)] * 2), axis=-1).reshape(-1, 2)
    figure = plot(solution(first, mf.Cloud(interior=X, domain=mf.Box())))
    assert not panels(figure)[0].lines


def test_the_error_is_beside_u_only_where_it_is_known(clouds):
    u = solution(first, clouds["square"])
    assert titles(plot(u)) == ["$u$"]
    figure = plot(u, exact=lambda x: x[0] + 1e-4 * jnp.exp(-9 * x[1]))
    assert titles(figure) == ["$u$", r"|$u$ − exact|, max $1.0 \times 10^{-4}$"]
    bar = panels(figure)[1].child_axes[0]
    assert bar.get_ylim() == pytest.approx((-8, -4))  # decimal logarithms
    assert [text.get_text() for text in bar.get_yticklabels()] == [f"$10^{{{k}}}$" for k in range(-8, -3)]


def test_an_error_of_one_decade_has_a_linear_scale(clouds):
    figure = plot(solution(first, clouds["square"]), exact=lambda x: x[0] + 1e-4 * (1 + x[1]))
    assert panels(figure)[1].child_axes[0].get_ylim() == pytest.approx((0, 2e-4))


def test_errors_of_either_sign_have_the_same_colour(clouds):
    figure = plot(solution(first, clouds["square"]), exact=lambda x: x[0] + 1e-3 * (x[1] - 0.5) ** 3)
    color_at, axes = colors_of(figure), panels(figure)[1]
    above, below, middle = (color_at(axes, 0.37, y) for y in (0.85, 0.15, 0.5))
    np.testing.assert_allclose(above, below, atol=0.02)
    np.testing.assert_allclose(middle, map_color(plots.ERRORS, 0.0), atol=0.02)
    assert np.linalg.norm(np.subtract(above, middle)) > 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], (0.0, 1.0, plots.SEQUENTIAL)),
        ([-0.1, 1.0], (-0.1, 1.0, plots.SEQUENTIAL)),
        ([-0.8, 1.0], (-1.0, 1.0, plots.DIVERGING)),
        ([-1.0, np.nan, np.inf, 0.6], (-1.0, 1.0, plots.DIVERGING)),
        ([2.0, 2.0], (1.998, 2.002, plots.SEQUENTIAL)),
        ([0.0, 0.0], (-1e-6, 1e-6, plots.SEQUENTIAL)),
    ],
)
def test_colours_are_diverging_only_around_a_symmetric_zero(values, expected):
    low, high, _, colors, log = plots._value_scale(np.array(values))
    assert (low, high) == pytest.approx(expected[:2])
    assert (colors, log) == (expected[2], False)


def test_a_constant_without_error_is_drawn(clouds):
    figure = plot(solution(lambda x: 0 * x[0] + 2, clouds["square"]), exact=lambda x: 0 * x[0] + 2)
    assert titles(figure)[1] == "|$u$ − exact|, max 0"
    color = colors_of(figure)(panels(figure)[1], 0.53, 0.47)
    np.testing.assert_allclose(color, map_color(plots.ERRORS, 0.0), atol=0.02)


def test_values_that_are_not_finite_are_left_out(clouds):
    figure = plot(solution(lambda x: jnp.sqrt(x[0] - 0.5), clouds["square"]))
    (axes,) = panels(figure)
    without_nodes(axes)
    color_at = colors_of(figure)
    assert color_at(axes, 0.3, 0.52) == WHITE
    assert color_at(axes, 0.7, 0.52) != WHITE


def test_a_section_without_a_finite_value_has_its_outline_only(clouds):
    figure = plot(solution(lambda x: jnp.sqrt(x[2] - 0.6), clouds["cube"]))
    figure.canvas.draw()
    assert [len(axes.collections) for axes in panels(figure)] == [1, 3, 3]


def test_two_fields_have_streamlines_over_their_speed(clouds):
    figure = plot(solution(swirl, clouds["ring"]), exact=lambda x: swirl(x) * 1.001)
    assert [title.split(",")[0] for title in titles(figure)] == [
        *("$u$$_1$", "$u$$_2$", "|$u$|"),
        *("|$u$$_1$ − exact|", "|$u$$_2$ − exact|", "|$u$ − exact|"),
    ]
    lines = [one for one in panels(figure)[2].collections if isinstance(one, LineCollection)]
    points = np.concatenate([path.vertices for path in max(lines, key=lambda one: len(one.get_paths())).get_paths()])
    assert RING.distance(points).max() < 0.03
    assert titles(plot(solution(swirl, clouds["ring"]))) == ["$u$$_1$", "$u$$_2$", "|$u$|"]


def test_a_field_at_rest_has_no_streamlines(clouds):
    assert len(panels(plot(solution(lambda x: 0 * x, clouds["square"])))) == 3


def test_three_fields_have_a_panel_each(clouds):
    assert len(titles(plot(solution(lambda x: jnp.stack([x[0], x[1], x[0] * x[1]]), clouds["square"])))) == 3


def test_panels_of_a_wide_domain_are_below_one_another():
    cloud = mf.Box((0, 0), (5, 1)).cloud(spacing=0.25)
    top, below = panels(plot(solution(first, cloud), exact=wave))
    assert top.get_position().x0 == pytest.approx(below.get_position().x0)


# ---------------------------------------------------------------------------------------------- in space


def test_sections_follow_the_body():
    lower, upper = BLOCK.bounds
    sections = [plots._section(BLOCK.distance, lower, upper, axis) for axis in (2, 1, 0)]
    circle = 0.09 * math.pi
    assert [area(piece) for piece in sections] == pytest.approx([2 - circle, 2 - circle, 1 - circle], rel=2e-3)
    for piece, axis, middle in zip(sections, (2, 1, 0), (0.5, 0.5, 1.0), strict=True):
        np.testing.assert_array_equal(piece.points[:, axis], middle)
        np.testing.assert_array_equal(np.delete(piece.points, axis, axis=1), piece.vertices)


def test_a_body_is_shown_by_its_sections(clouds):
    figure = plot(solution(first, clouds["block"]))
    assert titles(figure) == ["$u$  at  $z$ = 0.5", "$u$  at  $y$ = 0.5", "$u$  at  $x$ = 1"]
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in panels(figure)] == [
        *(("$x$", "$y$"), ("$x$", "$z$"), ("$y$", "$z$"))
    ]
    color_at = colors_of(figure)
    for axes, hole in zip(panels(figure), [(1, 0.5), (1, 0.5), (0.5, 0.5)], strict=True):
        assert color_at(axes, *hole) == WHITE
    for axes in panels(figure)[:2]:
        np.testing.assert_allclose(color_at(axes, 0.31, 0.43), map_color(plots.SEQUENTIAL, 0.31 / 2), atol=0.03)


def test_errors_in_space_are_a_second_row(clouds):
    figure = plot(solution(swirl, clouds["cube"]), exact=lambda x: swirl(x) + 1e-3)
    words = [title.split("  at")[0] for title in titles(figure)]
    assert words[::3] == ["$u$$_1$", "|$u$$_1$ − exact|", "$u$$_2$", "|$u$$_2$ − exact|"]
    assert panels(figure)[5].child_axes[0].get_ylabel() == r"max $1.0 \times 10^{-3}$"


def test_a_section_that_misses_the_domain_says_so():
    pair = mf.Ball((0.0, 0, 0), 0.5) | mf.Ball((2.0, 0, 0), 0.5)
    figure = plot(solution(first, pair.cloud(spacing=0.25)))
    assert [text.get_text() for text in panels(figure)[2].texts] == ["empty"]


def test_sections_that_all_miss_the_domain_are_an_error():
    pair = mf.Ball((0.0, 0, 0), 0.5) | mf.Ball((2.0, 2.0, 2.0), 0.5)
    with pytest.raises(ValueError, match="all miss the domain"):
        plot(solution(first, pair.cloud(spacing=0.25)))


def test_nodes_in_space_without_a_domain(clouds):
    distance = plots._distance_from_nodes(as_arrays(clouds["block"]))
    X = np.array([[0.3, 0.5, 0.5], [1.0, 0.5, 0.5], [2.1, 0.5, 0.5], [1.9, 0.9, 0.1]])
    np.testing.assert_array_equal(distance(X) < 0, [True, False, False, True])
    bare = plots._distance_from_nodes(mf.Cloud(interior=clouds["block"].points))
    np.testing.assert_array_equal(bare(X) < 0, [True, True, False, True])
    assert len(panels(plot(solution(first, as_arrays(clouds["cube"]))))) == 3


# --------------------------------------------------------------------------- problems, files and refusals


def test_a_problem_lends_its_exact_solution_and_its_domain(clouds):
    problem = mf.Problem(HOLED, interior=lambda u, x: u(x), boundary=mf.dirichlet(), exact=wave)
    u = solution(first, mf.Cloud(interior=clouds["holed"].points))
    figure = plot(u, problem=problem)
    assert len(panels(figure)) == 2
    assert colors_of(figure)(panels(figure)[0], 0.6, 0.5) == WHITE
    assert titles(plot(u, problem=problem, exact=first))[1] == "|$u$ − exact|, max 0"


@pytest.mark.parametrize(
    ("extension", "magic"),
    [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("jpg", b"\xff\xd8")],
)
def test_every_format_is_written(clouds, tmp_path, extension, magic):
    path = tmp_path / f"u.{extension}"
    assert isinstance(plot(solution(wave, clouds["line"]), str(path)), Figure)
    assert path.read_bytes().startswith(magic)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_pictures_can_be_read_back(clouds, tmp_path):
    for draw, made in ((plot, solution(first, clouds["holed"])), (plot_cloud, clouds["cube"])):
        figure = draw(made, tmp_path / "picture.png")
        pixels = imread(tmp_path / "picture.png")
        assert pixels.shape[:2] == tuple(int(plots.DPI * side) for side in figure.get_size_inches()[::-1])
        assert pixels[..., :3].std() > 0.05


def test_a_failed_write_leaves_the_old_file(clouds, tmp_path, monkeypatch):
    def fail(figure, path, **options):
        path.write_bytes(b"half a picture")
        raise OSError("disk full")

    path = tmp_path / "u.png"
    path.write_text("old")
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plot(solution(wave, clouds["line"]), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["u.bmp", "u", "png"])
def test_other_extensions_are_refused(clouds, path):
    for draw, made in (
        (plot, solution(wave, clouds["line"])),
        (plot_cloud, clouds["line"]),
        (plot_convergence, {"a": [(0.1, 1.0)]}),
        (plot_history, run()),
    ):
        with pytest.raises(ValueError, match=rf"\.png, \.pdf, \.svg, \.jpg; got '{path}'"):
            draw(made, path)


def test_a_folder_that_is_missing_is_named(clouds, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere to write u\.png in; create it first"):
        plot(solution(wave, clouds["line"]), tmp_path / "nowhere" / "u.png")


def test_what_cannot_be_drawn_is_refused(clouds):
    four = mf.Cloud(interior=np.random.default_rng(0).random((9, 4)))
    for draw in (lambda: plot(solution(first, four)), lambda: plot_cloud(four)):
        with pytest.raises(ValueError, match="in 1, 2 or 3 dimensions; this one has 4"):
            draw()
    with pytest.raises(ValueError, match="u, or one of its fields, is nowhere finite"):
        plot(solution(lambda x: x[0] / 0, clouds["square"]))
    with pytest.raises(ValueError, match="exact, or one of its fields, is nowhere finite"):
        plot(solution(swirl, clouds["square"]), exact=lambda x: jnp.stack([x[0], x[1] * jnp.nan]))
    with pytest.raises(ValueError, match=r"exact has values of shape \(2,\), u of shape \(\)"):
        plot(solution(first, clouds["square"]), exact=swirl)
    with pytest.raises(ValueError, match="the 5 nodes span no region"):
        plot(solution(first, mf.Cloud(interior=np.stack([np.arange(5.0), np.ones(5)], axis=1))))


def test_matplotlib_is_imported_for_a_picture_only_and_pyplot_never():
    """In an interpreter of its own, where no type checker comes first either."""
    code = """
import sys
import numpy as np
import meshfree as mf
from meshfree.plots import plot, plot_cloud
try:
    plot(np.sin)
except TypeError as error:
    assert str(error) == "plot takes a Solution, got ufunc; see mf.interpolate for functions"
assert not [module for module in sys.modules if module.startswith("matplotlib")]
plot_cloud(mf.Cloud(interior=np.eye(3)))
assert "matplotlib.figure" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------------------- clouds


@pytest.mark.parametrize("name", ["line", "holed", "cube"])
def test_every_part_of_a_cloud_has_its_colour_and_its_normals(clouds, name):
    cloud = clouds[name]
    figure = plot_cloud(cloud, title="Nodes")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == [f"{part} ({len(cloud[part])})" for part in cloud.parts]
    assert len({line.get_color() for line in axes.lines}) == len(cloud.parts)
    assert len(axes.collections) == len(cloud.normals)  # the arrows
    assert [axes.get_xlabel(), figure.get_suptitle()] == ["$x$", "Nodes"]
    legend = (axes.get_legend() or figure.legends[0]).get_texts()
    assert [text.get_text() for text in legend] == [line.get_label() for line in axes.lines]


def test_arrows_point_along_the_normals(clouds):
    cloud = clouds["holed"]
    (axes,) = plot_cloud(cloud).axes
    hole = axes.collections[list(cloud.normals).index("hole")]
    np.testing.assert_array_equal(np.stack([hole.U, hole.V], axis=1), cloud.normals["hole"])
    np.testing.assert_array_equal(hole.get_offsets(), cloud["hole"])
    assert hole.get_facecolor()[0] == pytest.approx(to_rgba(axes.lines[-1].get_color()))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_single_node_is_a_cloud_too(dim):
    figure = plot_cloud(mf.Cloud(interior=np.ones((1, dim))))
    figure.canvas.draw()
    assert figure.axes[0].lines[0].get_label() == "interior (1)"


# --------------------------------------------------------------------------------- convergence and tuning


def test_observed_orders_are_annotated():
    h = np.array([0.1, 0.05, 0.025])
    figure = plot_convergence({"two": np.stack([h, 3 * h**2], axis=1), "four": [(0.1, 1e-4), (0.05, 1e-4 / 16)]})
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "two  (order 2.00)",
        "four  (order 4.00)",
    ]
    assert [text.get_text() for text in axes.texts] == ["2", "4"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("spacing", "relative error")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    np.testing.assert_allclose(axes.lines[0].get_xydata(), np.stack([h, 3 * h**2], axis=1)[::-1])


@pytest.mark.parametrize("slope", [2.0, -1.5])
def test_the_reference_triangle_has_the_slope_and_lies_below(slope):
    x = np.array([10.0, 100.0, 1000.0]) * (1 if slope < 0 else 1e-4)
    (axes,) = plot_convergence({"a": np.stack([x, x**slope], axis=1)}).axes
    corners = np.log(axes.patches[0].get_xy()[:3])
    assert (corners[1, 1] - corners[0, 1]) / (corners[1, 0] - corners[0, 0]) == pytest.approx(slope)
    assert np.all(corners[:, 1] < slope * corners[:, 0])
    kind = "exponent −1.50" if slope < 0 else "order 2.00"
    assert axes.lines[0].get_label() == f"a  ({kind})"
    assert axes.get_xlabel() == ("unknowns" if slope < 0 else "spacing")


def test_errors_that_stay_have_no_triangle():
    (axes,) = plot_convergence({"a": [(0.1, 1.0), (0.05, 1.0)]}).axes
    assert not axes.patches
    assert axes.lines[0].get_label().replace("−", "") == "a  (order 0.00)"


def test_the_order_is_fitted_to_the_errors_that_have_a_logarithm():
    rows = [(0.1, 1e-2), (0.05, 1e-2 / 8), (0.02, 0.0), (0.01, np.nan)]
    (axes,) = plot_convergence({"a": rows, "one": [(0.1, 1.0)]}, xlabel="h", ylabel="error").axes
    assert [line.get_label() for line in axes.lines] == ["a  (order 3.00)", "one"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("h", "error")


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        ({}, "studies is empty"),
        ({"a": [1.0, 2.0]}, r"a: rows are \(spacing or unknowns, error\), shape \(m, 2\); got \(2,\)"),
        ({"a": np.empty((0, 2))}, r"got \(0, 2\)"),
        ({"a": [(-0.1, 1.0)]}, "a: spacings and unknowns must be positive; got -0.1"),
        ({"a": [(0.1, 0.0)]}, "a: no error is positive and finite"),
    ],
)
def test_studies_that_cannot_be_drawn_are_refused(studies, message):
    with pytest.raises(ValueError, match=message):
        plot_convergence(studies)


def run(fields=(), steps=20):
    """A tuning run whose best iterate is number 15."""
    step = np.arange(steps + 1)
    raw = (step / 10 - 1).reshape(-1, *[1] * len(fields)) * np.ones(fields)
    return SimpleNamespace(
        loss=(step - 15) ** 2 / 20 - 12, seconds=0.1 * step, parameters=raw, scale=np.log1p(np.exp(raw))
    )


def test_a_history_shows_the_loss_and_the_scale_with_the_best_marked(tmp_path):
    history = run()
    figure = plot_history(history, tmp_path / "history.png", title="Tuning")
    top, below = figure.axes
    np.testing.assert_allclose(top.lines[0].get_ydata(), np.exp(history.loss))
    np.testing.assert_array_equal(below.lines[0].get_ydata(), history.scale)
    for axes, value in ((top, np.exp(-12)), (below, history.scale[15])):
        assert axes.lines[-1].get_xydata() == pytest.approx(np.array([[15, value]]))
    assert top.get_legend().get_texts()[0].get_text() == r"best: $6.1 \times 10^{-6}$ at step 15"
    assert (top.get_yscale(), top.get_ylabel()) == ("log", "residual")
    assert (below.get_xlabel(), below.get_ylabel(), below.get_yscale()) == ("step", "scale", "linear")
    assert imread(tmp_path / "history.png").std() > 0.05


def test_several_scales_have_a_curve_each():
    below = plot_history(run((2,)), name="width").axes[1]
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["width$_{1}$", "width$_{2}$"]
    history = run()
    history.scale = {"kernel": history.scale, "rates": run((2, 3)).scale * 1e3}
    below = plot_history(history).axes[1]
    assert len(below.lines[-1].get_xdata()) == 7
    assert below.get_yscale() == "log"


def test_a_loss_that_is_no_logarithm_is_drawn_as_it_is():
    history = run()
    history.loss = np.where(np.arange(21) < 3, np.nan, history.loss)
    top = plot_history(history, logarithmic=False).axes[0]
    np.testing.assert_array_equal(top.lines[0].get_ydata(), history.loss)
    assert (top.get_yscale(), top.get_ylabel()) == ("linear", "loss")


def test_a_history_without_a_finite_loss_is_refused():
    history = run()
    history.loss = np.full(21, np.nan)
    with pytest.raises(ValueError, match="no loss of this history is finite"):
        plot_history(history)
