"""Pictures of convergence studies and of tuning runs."""

import numpy as np
import pytest
from matplotlib.image import imread
from plot_cases import history

from meshfree.plots import plot_convergence, plot_history
from meshfree.tuning.tune import History

# ------------------------------------------------------------------------------------------------------- convergence


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


# ------------------------------------------------------------------------------------------------------------ tuning


def test_a_history_shows_the_loss_and_the_scale_with_the_best_marked(tmp_path):
    found = history()
    figure = plot_history(found, tmp_path / "history.png", title="Tuning")
    top, below = figure.axes
    np.testing.assert_allclose(top.lines[0].get_ydata(), np.exp(found.loss))
    scale = np.log1p(np.exp(found.parameters))
    np.testing.assert_allclose(below.lines[0].get_ydata(), scale, rtol=1e-14)
    for axes, value in ((top, np.exp(-12)), (below, scale[15])):
        assert axes.lines[-1].get_xydata() == pytest.approx(np.array([[15, value]]))
    assert top.get_legend().get_texts()[0].get_text() == r"best: $6.1 \times 10^{-6}$ at step 15"
    assert (top.get_yscale(), top.get_ylabel()) == ("log", "residual")
    assert (below.get_xlabel(), below.get_ylabel(), below.get_yscale()) == ("step", "scale", "linear")
    assert imread(tmp_path / "history.png").std() > 0.05


def test_several_scales_have_a_curve_each():
    below = plot_history(history((2,)), name="width").axes[1]
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["width$_{1}$", "width$_{2}$"]
    found = history()
    found.parameters = {"kernel": found.parameters, "rates": history((2, 3)).parameters + 1e3}
    below = plot_history(found).axes[1]
    assert len(below.lines[-1].get_xdata()) == 7
    assert below.get_yscale() == "log"


def test_a_loss_that_is_no_logarithm_is_drawn_as_it_is():
    found = history()
    found.loss = np.where(np.arange(21) < 3, np.nan, found.loss)
    top = plot_history(found, logarithmic=False).axes[0]
    np.testing.assert_array_equal(top.lines[0].get_ydata(), found.loss)
    assert (top.get_yscale(), top.get_ylabel()) == ("linear", "loss")


def test_steps_of_a_history_are_whole_numbers():
    at = plot_history(history()).axes[-1].get_xticks()
    np.testing.assert_array_equal(at, np.round(at))


def test_a_history_without_a_finite_loss_is_refused():
    found = history()
    found.loss = np.full(21, np.nan)
    with pytest.raises(ValueError, match="no loss of this history is finite"):
        plot_history(found)


def test_a_search_is_the_loss_over_the_number():
    """In whatever order it was asked for."""
    scales, loss = np.array([1.0, 0.1, 10.0, 3.0]), np.log([1e-2, 1.0, 1e-1, 1e-3])
    searched = History(loss, np.arange(4.0), np.log(np.expm1(scales)), searched=True)
    (axes,) = plot_history(searched).axes
    line, best = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [[0.1, 1.0], [1.0, 1e-2], [3.0, 1e-3], [10.0, 1e-1]], rtol=1e-12)
    np.testing.assert_allclose(best.get_xydata(), [[3.0, 1e-3]], rtol=1e-12)
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_a_scan_is_drawn_before_the_steps_that_start_at_its_best():
    scales, loss = np.array([1.0, 0.1, 10.0, 0.2, 0.3]), np.log([1e-2, 1e-3, 1.0, 1e-4, 1e-5])
    scanned = History(loss, np.arange(5.0), np.log(np.expm1(scales)), scanned=2)
    top, below = plot_history(scanned).axes
    for axes, values in ((top, np.exp(loss)), (below, scales)):
        path, before, *_ = axes.lines
        np.testing.assert_allclose(path.get_xydata(), np.stack([range(3), values[[1, 3, 4]]], axis=1), rtol=1e-12)
        np.testing.assert_allclose(before.get_xydata(), np.stack([range(-3, 0), values[:3]], axis=1), rtol=1e-12)
        assert axes.lines[-1].get_xydata() == pytest.approx(np.array([[2, values[4]]]))
    assert below.get_xlabel() == "step, a scan before 0"
