"""Pictures of solutions: what is painted where, and the words on them."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from plot_cases import WHITE, colors_of, first, map_color, panels, solution, swirl, titles, wave, without_nodes
from shared_cases import HOLED, RING, cloud_of

import meshfree as mf
from meshfree.plots import plot, plot_cloud
from meshfree.plots.scales import DIVERGING, ERRORS, SEQUENTIAL, value_scale

pytestmark = pytest.mark.usefixtures("coarse_pictures")


# ------------------------------------------------------------------------------------------------------- on the line


def test_a_curve_is_u_and_the_nodes_lie_on_it():
    figure = plot(solution(wave, cloud_of("line")), title="A wave", name="v", labels=["s"])
    (axes,) = figure.axes
    curve, nodes = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), np.sin(3 * curve.get_xdata()))
    assert curve.get_xdata()[[0, -1]] == pytest.approx([0, 1])
    np.testing.assert_array_equal(nodes.get_xdata(), np.sort(cloud_of("line").points[:, 0]))
    np.testing.assert_allclose(nodes.get_ydata(), np.sin(3 * nodes.get_xdata()))
    assert (axes.get_xlabel(), axes.get_ylabel(), figure.get_suptitle()) == ("$s$", "$v$", "A wave")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$v$", "11 nodes"]


def test_the_error_of_a_curve_is_below_it():
    figure = plot(solution(wave, cloud_of("line")), exact=lambda x: wave(x) + 1e-3 * x[0])
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


def test_fields_on_the_line_share_the_panel():
    u = solution(lambda x: jnp.stack([x[0], x[0] ** 2]), cloud_of("line"))
    top, below = plot(u, exact=lambda x: jnp.stack([x[0], x[0] ** 3])).axes
    labels = [text.get_text() for text in top.get_legend().get_texts()]
    assert labels == ["$u$$_1$", "$u$$_2$", "11 nodes", "exact"]
    assert below.get_title().startswith("error, max 0.14")


def test_without_an_error_there_is_nothing_to_put_on_a_logarithmic_axis():
    below = plot(solution(wave, cloud_of("line")), exact=wave).axes[1]
    assert below.get_yscale() == "linear" or max(below.lines[0].get_ydata()) < 1e-15


# ------------------------------------------------------------------------------------------------------ in the plane


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("holed", (0.23, 0.7), [(0.6, 0.5), (0.6, 0.32), (0.79, 0.5)]),
        ("L", (0.47, 1.6), [(1.5, 1.5), (1.04, 1.04)]),
        ("disk", (0.47, 0.3), [(0.72, 0.74), (-0.9, 0.9)]),
    ],
)
def test_the_domain_is_painted_with_the_colours_of_u_and_what_is_outside_is_not(name, inside, outside):
    figure = plot(solution(first, cloud_of(name)))
    (axes,) = panels(figure)
    without_nodes(axes)
    color_at = colors_of(figure)
    assert [color_at(axes, *point) for point in outside] == [WHITE] * len(outside)
    low, high = axes.child_axes[0].get_ylim()
    expected = map_color(DIVERGING if low < 0 else SEQUENTIAL, (inside[0] - low) / (high - low))
    np.testing.assert_allclose(color_at(axes, *inside), expected, atol=0.03)


def test_nodes_are_dots_and_the_axes_are_labelled():
    figure = plot(solution(first, cloud_of("holed")), labels=("time", "y"))
    (axes,) = panels(figure)
    interior, boundary = axes.lines
    assert len(interior.get_xdata()) == len(cloud_of("holed")["interior"])
    assert len(interior.get_xdata()) + len(boundary.get_xdata()) == len(cloud_of("holed"))
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("time", "$y$", "$u$")
    assert axes.get_aspect() == 1.0


def test_nodes_too_dense_to_be_seen_are_left_out():
    X = np.stack(np.meshgrid(*[np.linspace(0, 1, 70)] * 2), axis=-1).reshape(-1, 2)
    figure = plot(solution(first, mf.Cloud(interior=X, domain=mf.Box())))
    assert not panels(figure)[0].lines


def test_the_error_is_beside_u_only_where_it_is_known():
    u = solution(first, cloud_of("square"))
    assert titles(plot(u)) == ["$u$"]
    figure = plot(u, exact=lambda x: x[0] + 1e-4 * jnp.exp(-9 * x[1]))
    assert titles(figure) == ["$u$", r"|$u$ − exact|, max $1.0 \times 10^{-4}$"]
    bar = panels(figure)[1].child_axes[0]
    assert bar.get_ylim() == pytest.approx((-8, -4))  # decimal logarithms
    assert [text.get_text() for text in bar.get_yticklabels()] == [f"$10^{{{k}}}$" for k in range(-8, -3)]


def test_an_error_of_one_decade_has_a_linear_scale():
    figure = plot(solution(first, cloud_of("square")), exact=lambda x: x[0] + 1e-4 * (1 + x[1]))
    assert panels(figure)[1].child_axes[0].get_ylim() == pytest.approx((0, 2e-4))


def test_errors_of_either_sign_have_the_same_colour():
    figure = plot(solution(first, cloud_of("square")), exact=lambda x: x[0] + 1e-3 * (x[1] - 0.5) ** 3)
    color_at, axes = colors_of(figure), panels(figure)[1]
    above, below, middle = (color_at(axes, 0.37, y) for y in (0.85, 0.15, 0.5))
    np.testing.assert_allclose(above, below, atol=0.02)
    np.testing.assert_allclose(middle, map_color(ERRORS, 0.0), atol=0.02)
    assert np.linalg.norm(np.subtract(above, middle)) > 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], (0.0, 1.0, SEQUENTIAL)),
        ([-0.1, 1.0], (-0.1, 1.0, SEQUENTIAL)),
        ([-0.8, 1.0], (-1.0, 1.0, DIVERGING)),
        ([-1.0, np.nan, np.inf, 0.6], (-1.0, 1.0, DIVERGING)),
        ([2.0, 2.0], (1.998, 2.002, SEQUENTIAL)),
        ([0.0, 0.0], (-1e-6, 1e-6, SEQUENTIAL)),
    ],
)
def test_colours_are_diverging_only_around_a_symmetric_zero(values, expected):
    low, high, _, colors, log = value_scale(np.array(values))
    assert (low, high) == pytest.approx(expected[:2])
    assert (colors, log) == (expected[2], False)


def test_a_constant_without_error_is_drawn():
    figure = plot(solution(lambda x: 0 * x[0] + 2, cloud_of("square")), exact=lambda x: 0 * x[0] + 2)
    assert titles(figure)[1] == "|$u$ − exact|, max 0"
    color = colors_of(figure)(panels(figure)[1], 0.53, 0.47)
    np.testing.assert_allclose(color, map_color(ERRORS, 0.0), atol=0.02)


def test_values_that_are_not_finite_are_left_out():
    figure = plot(solution(lambda x: jnp.sqrt(x[0] - 0.5), cloud_of("square")))
    (axes,) = panels(figure)
    without_nodes(axes)
    color_at = colors_of(figure)
    assert color_at(axes, 0.3, 0.52) == WHITE
    assert color_at(axes, 0.7, 0.52) != WHITE


def test_a_section_without_a_finite_value_has_its_outline_only():
    figure = plot(solution(lambda x: jnp.sqrt(x[2] - 0.6), cloud_of("cube")))
    figure.canvas.draw()
    assert [len(axes.collections) for axes in panels(figure)] == [1, 3, 3]


def test_two_fields_have_streamlines_over_their_speed():
    figure = plot(solution(swirl, cloud_of("ring")), exact=lambda x: swirl(x) * 1.001)
    assert [title.split(",")[0] for title in titles(figure)] == [
        *("$u$$_1$", "$u$$_2$", "|$u$|"),
        *("|$u$$_1$ − exact|", "|$u$$_2$ − exact|", "|$u$ − exact|"),
    ]
    lines = [one for one in panels(figure)[2].collections if isinstance(one, LineCollection)]
    points = np.concatenate([path.vertices for path in max(lines, key=lambda one: len(one.get_paths())).get_paths()])
    assert RING.distance(points).max() < 0.03
    assert titles(plot(solution(swirl, cloud_of("ring")))) == ["$u$$_1$", "$u$$_2$", "|$u$|"]


def test_a_field_at_rest_has_no_streamlines():
    assert len(panels(plot(solution(lambda x: 0 * x, cloud_of("square"))))) == 3


def test_three_fields_have_a_panel_each():
    assert len(titles(plot(solution(lambda x: jnp.stack([x[0], x[1], x[0] * x[1]]), cloud_of("square"))))) == 3


def test_panels_of_a_wide_domain_are_below_one_another():
    cloud = mf.Box((0, 0), (5, 1)).cloud(spacing=0.25)
    top, below = panels(plot(solution(first, cloud), exact=wave))
    assert top.get_position().x0 == pytest.approx(below.get_position().x0)


# ---------------------------------------------------------------------------------------------------------- in space


def test_a_body_is_shown_by_its_sections():
    figure = plot(solution(first, cloud_of("block")))
    assert titles(figure) == ["$u$  at  $z$ = 0.5", "$u$  at  $y$ = 0.5", "$u$  at  $x$ = 1"]
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in panels(figure)] == [
        *(("$x$", "$y$"), ("$x$", "$z$"), ("$y$", "$z$"))
    ]
    color_at = colors_of(figure)
    for axes, hole in zip(panels(figure), [(1, 0.5), (1, 0.5), (0.5, 0.5)], strict=True):
        assert color_at(axes, *hole) == WHITE
    for axes in panels(figure)[:2]:
        np.testing.assert_allclose(color_at(axes, 0.31, 0.43), map_color(SEQUENTIAL, 0.31 / 2), atol=0.03)


def test_errors_in_space_are_a_second_row():
    figure = plot(solution(swirl, cloud_of("cube")), exact=lambda x: swirl(x) + 1e-3)
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


# --------------------------------------------------------------------------------------------- problems and refusals


def test_a_problem_lends_its_exact_solution_and_its_domain():
    problem = mf.Problem(HOLED, interior=lambda u, x: u(x), boundary=mf.dirichlet(), exact=wave)
    u = solution(first, mf.Cloud(interior=cloud_of("holed").points))
    figure = plot(u, problem=problem)
    assert len(panels(figure)) == 2
    assert colors_of(figure)(panels(figure)[0], 0.6, 0.5) == WHITE
    assert titles(plot(u, problem=problem, exact=first))[1] == "|$u$ − exact|, max 0"


def test_what_cannot_be_drawn_is_refused():
    four = mf.Cloud(interior=np.random.default_rng(0).random((9, 4)))
    for draw in (lambda: plot(solution(first, four)), lambda: plot_cloud(four)):
        with pytest.raises(ValueError, match="in 1, 2 or 3 dimensions; this one has 4"):
            draw()
    with pytest.raises(ValueError, match="u, or one of its fields, is nowhere finite"):
        plot(solution(lambda x: x[0] / 0, cloud_of("square")))
    with pytest.raises(ValueError, match="exact, or one of its fields, is nowhere finite"):
        plot(solution(swirl, cloud_of("square")), exact=lambda x: jnp.stack([x[0], x[1] * jnp.nan]))
    with pytest.raises(ValueError, match=r"exact has values of shape \(2,\), u of shape \(\)"):
        plot(solution(first, cloud_of("square")), exact=swirl)
    with pytest.raises(ValueError, match="the 5 nodes span no region"):
        plot(solution(first, mf.Cloud(interior=np.stack([np.arange(5.0), np.ones(5)], axis=1))))


def test_a_notebook_shows_the_picture():
    """IPython asks for `_repr_png_`; Matplotlib's figures have none unless pyplot's inline backend is on."""
    figure = mf.plot_convergence({"a": [(0.1, 1e-2), (0.05, 1e-3)]})
    assert figure._repr_png_().startswith(b"\x89PNG")
