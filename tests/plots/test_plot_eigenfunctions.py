"""Pictures of eigenfunctions and of branches."""

import numpy as np
import pytest

import meshfree as mf
from meshfree.solving.modes import normalised


def modes_of(cloud, k, values=None):
    space = mf.Stencils(None, cloud, 2)
    X = np.asarray(cloud.points)
    c = normalised(space, np.stack([np.cos(i * X[:, 0] + 0.3) for i in range(k)]))
    values = np.arange(k) / 1.0 if values is None else values
    each = tuple({"eigenvalue": float(np.real(value)), "off_nodes": 0.0} for value in values)
    return mf.Modes(space, values, c, np.ones(k, bool), each, {"dropped": 0})


def test_a_panel_for_each_function_in_the_plane(tmp_path):
    path = tmp_path / "modes.png"
    figure = mf.plot(modes_of(mf.Disk().cloud(0.3), 5), path, title="drum")
    assert path.stat().st_size > 1000
    assert [axes.get_title() for axes in figure.axes[:5]] == [f"$λ$ = {i}" for i in range(5)]


def test_curves_on_the_line_and_complex_values():
    figure = mf.plot(modes_of(mf.Interval(0.0, 1.0).cloud(0.1), 2, np.array([1 + 2j, 1 - 2j])))
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert words == ["$λ$ = 1 + 2 i", "$λ$ = 1 − 2 i"]


def test_the_first_function_in_space():
    figure = mf.plot(modes_of(mf.Box((0, 0, 0), (1, 1, 1)).cloud(0.34), 2))
    assert figure.get_suptitle() == "$λ$ = 0"


def test_a_branch_with_its_fold(tmp_path):
    space = mf.Stencils(None, mf.Interval(0.0, 1.0).cloud(0.2), 2)
    c = np.outer([0.0, 1.0, 2.0], np.ones(space.size))
    branch = mf.Branch(space, np.array([0.0, 1.0, 0.5]), c, np.array([0.0, 1.0, 2.0]), (1,), {"message": ""})
    figure = mf.plot(branch, tmp_path / "branch.pdf")
    axes = figure.axes[0]
    assert axes.get_legend().get_texts()[0].get_text() == "fold at 1"
    curve = axes.lines[0].get_xydata()
    assert curve[[0, -1]] == pytest.approx(np.array([[0.0, 0.0], [0.5, 2.0]]))
