"""Pictures of flat domains, of domains far from the origin, of many nodes: every number can be read."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from plot_cases import check_words, colors_of, first, inches_of, panels, solution, swirl, titles, wave
from shared_cases import HOLED, as_arrays, cloud_of

import meshfree as mf
from meshfree.plots import plot, plot_cloud
from meshfree.plots.painting import BAR_HEIGHT
from meshfree.plots.scales import error_scale
from meshfree.plots.style import THIN, TITLE_ROOM
from meshfree.plots.ticks import ticks_between
from meshfree.plots.triangles import outline_curves

pytestmark = pytest.mark.usefixtures("coarse_pictures")

UTM = mf.Box((500_000, 5_400_000), (501_000, 5_400_700))
FLAT = {"wide": (10, 0.5), "tall": (0.5, 10), "very wide": (20, 0.1), "very tall": (0.1, 20)}


def nodes_of(domain, each=5):
    """A few nodes inside: what is drawn here does not depend on them."""
    lower, upper = domain.bounds
    lines = [np.linspace(a, b, each + 2)[1:-1] for a, b in zip(lower, upper, strict=True)]
    X = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, domain.dim)
    return mf.Cloud(interior=X, domain=domain)


# -------------------------------------------------------------------------------------------------------------- flat


@pytest.mark.parametrize("name", FLAT)
def test_plot_flat(name):
    """The colour bar can be read however low the domain is, and so can all else."""
    cloud = nodes_of(mf.Box((0, 0), FLAT[name]))
    fields, exact = (swirl, lambda x: 1.001 * swirl(x)) if name == "wide" else (first, lambda x: x[0] + 1e-6 * wave(x))
    figure = plot(solution(fields, cloud), exact=exact)
    check_words(figure)
    assert len(panels(figure)) == (6 if name == "wide" else 2)
    for axes in panels(figure):
        width, height = inches_of(axes, (0, 0), FLAT[name])
        assert min(width, height) > 0.85 * THIN
        (bar,) = axes.child_axes
        box = bar.get_window_extent()
        assert box.height / figure.dpi == pytest.approx(max(height, BAR_HEIGHT))
        assert box.x0 > axes.transData.transform(FLAT[name])[0]
        assert len(bar.yaxis.get_majorticklocs()) > 1


@pytest.mark.parametrize(
    ("name", "label", "aspect"),
    [
        ("wide", "$x$", 1),
        ("very wide", "$x$   ($y$ stretched 7.5 ×)", 7.5),
        ("very tall", "$x$, stretched 7.5 ×", 1 / 7.5),
    ],
)
def test_a_flat_domain_that_is_stretched_says_so(name, label, aspect):
    (axes,) = panels(plot(solution(first, nodes_of(mf.Box((0, 0), FLAT[name])))))
    assert axes.get_xlabel() == label
    assert axes.get_aspect() == pytest.approx(aspect)


def test_the_body_of_a_slab_and_its_sections_can_be_read():
    slab = mf.Box((0.0, 0.0, 0.0), (10.0, 5.0, 0.4))
    cloud = nodes_of(slab, 3)
    figure = plot(solution(first, cloud), exact=lambda x: x[0] + 1e-6 * wave(x))
    check_words(figure)
    for axes in panels(figure)[2::3]:
        assert axes.child_axes[0].get_window_extent().height / figure.dpi == pytest.approx(BAR_HEIGHT)


def test_clouds_of_flat_domains_can_be_read():
    for size in FLAT.values():
        check_words(plot_cloud(mf.Box((0, 0), size).cloud(min(size) / 2)))


# ----------------------------------------------------------------------------------------------- far from the origin


def test_coordinates_far_from_the_origin_are_whole_numbers(tmp_path):
    for figure in (
        plot(solution(first, nodes_of(UTM)), exact=lambda x: x[0] + 1e-3 * jnp.sin(x[1])),
        plot_cloud(UTM.cloud(150), tmp_path / "cloud.png"),
    ):
        check_words(figure, drawn=figure.axes[0].patches)
        for axes in panels(figure):
            for axis, least in ((axes.xaxis, 500_000), (axes.yaxis, 5_400_000)):
                numbers = [int(label.get_text()) for label in axis.get_ticklabels()]
                assert len(numbers) > 2
                assert numbers == axis.get_majorticklocs().tolist()
                assert least <= min(numbers) < max(numbers) <= least + 1000
                assert axis.offsetText.get_text() == ""


def test_the_place_of_a_section_far_from_the_origin_is_a_whole_number():
    lower, upper = (500_000, 5_400_000, 100), (501_000, 5_400_700, 400)
    figure = plot(solution(first, nodes_of(mf.Box(lower, upper), 3)))
    check_words(figure)
    assert titles(figure) == ["$u$  at  $z$ = 250", "$u$  at  $y$ = 5400350", "$u$  at  $x$ = 500500"]
    assert {"500000", "501000", "$x$", "0", "500", "$y$\n− 5400000"} <= {
        text.get_text() for text in figure.axes[0].texts
    }


def test_long_words_above_sections_are_on_two_lines():
    far = mf.Box((0.3, 5_400_012.0, -1e-3), (0.301, 5_400_012.001, 1e-3))
    figure = plot(solution(lambda x: 2 + x[2], nodes_of(far, 3)), exact=lambda x: 2 + x[2] * 1.01, name="velocity")
    check_words(figure)
    assert titles(figure)[-1] == "|velocity − exact|\nat  $x$ = 0.3005"


@pytest.mark.parametrize(
    ("low", "high", "inches", "texts", "label"),
    [
        (0, 1, 3.2, "0 0.2 0.4 0.6 0.8 1", "x"),
        (0, 0.5, 0.25, "0 0.5", "x"),
        (500_000, 500_300, 0.25, "500250", "x"),
        (500_012.3, 500_014.3, 3.0, "2.5 3 3.5 4", "x − 500010"),
        (-500_014.3, -500_012.3, 3.0, "6 6.5 7 7.5", "x + 500020"),
        (0, 6.4e6, 3.2, "0 2 4 6", "x / $10^{6}$"),
        (0, 7e-7, 2.0, "0 250 500", "x / $10^{-9}$"),
        (1, 1 + 1e-7, 3.0, "0 25 50 75 100", "(x − 1) / $10^{-9}$"),
        (-0.003, 0.002, 3.0, "−0.003 −0.002 −0.001 0 0.001 0.002", "x"),
        (5_400_012.3001, 5_400_012.3004, 3.0, "100 200 300 400", "(x − 5400012.3) / $10^{-6}$"),
    ],
)
def test_numbers_on_an_axis_are_short_and_the_label_says_what_they_are(low, high, inches, texts, label):
    ticks = ticks_between(low, high, inches, "x")
    assert (" ".join(ticks.texts), ticks.label) == (texts, label)
    assert low - 1e-6 <= ticks.at.min() <= ticks.at.max() <= high + 1e-6


def test_long_labels_of_low_panels_are_on_lines_of_their_own():
    ticks = ticks_between(5_400_012.3001, 5_400_012.3004, 3.0, "y")
    assert ticks.stacked == "(y\n− 5400012.3)\n/ $10^{-6}$"
    low = mf.Box((0, 5_400_012.3001), (0.005, 5_400_012.3004))
    figure = plot(solution(first, nodes_of(low)), exact=lambda x: 1.001 * x[0])
    check_words(figure)
    assert panels(figure)[0].get_ylabel() == "($y$\n− 5400012.3)\n/ $10^{-6}$"


def test_numbers_above_one_another_need_less_room():
    across, up = (ticks_between(500_000, 500_300, 0.6, "x", upright=upright).texts for upright in (False, True))
    assert (across, up) == (["0", "250"], ["500000", "500250"])


def test_a_title_makes_the_picture_higher():
    u = solution(first, cloud_of("line"))
    low, high = plot(u).get_size_inches(), plot(u, title="A line").get_size_inches()
    assert (high - low).tolist() == pytest.approx([0, TITLE_ROOM])
    check_words(plot_cloud(cloud_of("line"), title="A line"))


# ------------------------------------------------------------------------------------------------------------ clouds


def outline_of(figure):
    (patch,) = figure.axes[0].patches
    assert patch.get_label() == "outline"
    path = patch.get_path()
    return np.split(path.vertices, np.flatnonzero(path.codes == path.MOVETO)[1:])


def test_the_outline_of_a_domain_is_drawn_around_its_nodes():
    polygons = outline_of(plot_cloud(cloud_of("holed")))
    lengths = [np.linalg.norm(np.diff(polygon, axis=0), axis=1).sum() for polygon in polygons]
    assert sum(lengths) == pytest.approx(4 + 0.4 * np.pi, rel=1e-3)
    assert np.abs(HOLED.distance(np.concatenate(polygons))).max() < 1e-9


def test_a_domain_on_the_line_is_drawn_without_its_gaps():
    cloud = (mf.Interval(0, 1) - mf.Interval(0.4, 0.5)).cloud(spacing=0.05)
    ends = [polygon[:, 0].tolist() for polygon in outline_of(plot_cloud(cloud))]
    assert ends == [pytest.approx([0, 0.4]), pytest.approx([0.5, 1])]


def test_the_outline_of_any_other_domain_is_where_its_distance_is_zero():
    def distance(X):
        return np.linalg.norm(X, axis=1) - 1

    domain = SimpleNamespace(dim=2, bounds=(-np.ones(2), np.ones(2)), distance=distance)
    (circle,) = outline_curves(domain)
    assert np.abs(distance(circle)).max() < 2e-3
    np.testing.assert_allclose(circle[0], circle[-1])


def test_without_a_domain_there_is_no_outline():
    assert not plot_cloud(as_arrays(cloud_of("holed"))).axes[0].patches


@pytest.mark.parametrize("dim", [1, 2])
def test_dots_of_the_legend_are_not_as_small_as_the_nodes(dim):
    figure = plot_cloud(nodes_of(mf.Box((0,) * dim, (1,) * dim), {1: 2000, 2: 70}[dim]))
    (axes,) = figure.axes
    (dot,) = axes.get_legend().legend_handles
    assert dot.get_markersize() == 5.0 > 3 * axes.lines[0].get_markersize()


# ------------------------------------------------------------------------------------------------------------ errors


def test_errors_are_dark_where_they_are_small():
    figure = plot(solution(first, nodes_of(mf.Box())), exact=lambda x: x[0] + 10 ** (-6 + 4 * x[0]))
    color_at, axes = colors_of(figure), panels(figure)[1]
    light = [sum(color_at(axes, x, 0.52)) / 3 for x in (0.03, 0.3, 0.6, 0.97)]
    assert light[0] < 0.1 < 0.8 < light[-1]
    assert light == sorted(light)
    low, high = error_scale(np.array([1e-6, 1e-3, 1e-2])).rgb(np.array([1e-6, 1e-2])).mean(axis=1)
    assert low < 10 < 200 < high
