"""Pictures as files, and when Matplotlib is imported."""

import subprocess
import sys

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from plot_cases import first, history, solution, wave
from shared_cases import cloud_of

from meshfree.plots import plot, plot_cloud, plot_convergence, plot_history
from meshfree.plots.style import DPI

pytestmark = pytest.mark.usefixtures("coarse_pictures")


@pytest.mark.parametrize(
    ("extension", "magic"),
    [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("jpg", b"\xff\xd8")],
)
def test_every_format_is_written(tmp_path, extension, magic):
    path = tmp_path / f"u.{extension}"
    assert isinstance(plot(solution(wave, cloud_of("line")), str(path)), Figure)
    assert path.read_bytes().startswith(magic)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_pictures_can_be_read_back(tmp_path):
    for draw, made in ((plot, solution(first, cloud_of("holed"))), (plot_cloud, cloud_of("cube"))):
        figure = draw(made, tmp_path / "picture.png")
        pixels = imread(tmp_path / "picture.png")
        assert pixels.shape[:2] == tuple(int(DPI * side) for side in figure.get_size_inches()[::-1])
        assert pixels[..., :3].std() > 0.05


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    def fail(figure, path, **options):
        path.write_bytes(b"half a picture")
        raise OSError("disk full")

    path = tmp_path / "u.png"
    path.write_text("old")
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plot(solution(wave, cloud_of("line")), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["u.bmp", "u", "png"])
def test_other_extensions_are_refused(path):
    for draw, made in (
        (plot, solution(wave, cloud_of("line"))),
        (plot_cloud, cloud_of("line")),
        (plot_convergence, {"a": [(0.1, 1.0)]}),
        (plot_history, history()),
    ):
        with pytest.raises(ValueError, match=rf"\.png, \.pdf, \.svg, \.jpg; got '{path}'"):
            draw(made, path)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere to write u\.png in; create it first"):
        plot(solution(wave, cloud_of("line")), tmp_path / "nowhere" / "u.png")


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
    assert "Spectrum or Modes or Branch or LCurve as u; got a ufunc" in str(error)
assert not [module for module in sys.modules if module.startswith("matplotlib")]
plot_cloud(mf.Cloud(interior=np.eye(3)))
assert "matplotlib.figure" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
