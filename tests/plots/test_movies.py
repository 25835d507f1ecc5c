"""Movies of solutions in time, and pictures of them that stand still."""

import itertools
import stat
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence
from plot_cases import Known, check_words, first, map_color, panels, solution, swirl, titles, wave
from shared_cases import cloud_of

import meshfree as mf
from meshfree.plots import film_files, plot
from meshfree.plots.film import time_words
from meshfree.plots.films import film_of
from meshfree.plots.raster import Raster
from meshfree.plots.scales import value_scale
from meshfree.plots.subject import Subject
from meshfree.plots.triangles import cover_domain

pytestmark = pytest.mark.usefixtures("coarse_pictures")


def growing(f, cloud, last=1.0):
    """u(x, t) = (1 + t) f(x), known in closed form."""
    space = Known(cloud, f)
    unit = np.eye(space.size) if space.size > 1 else np.ones(1)
    times = np.array([0.0, 0.4 * last, last])
    c = np.stack([(1 + t) * unit for t in times])
    return mf.Trajectory(space, times, c, np.broadcast_to(unit, c.shape), {})


def exactly(f):
    return lambda x, t: (1 + t) * f(x)


def film(f, cloud, times=(0.0, 0.5, 1.0), exact=None, title=None):
    u = growing(f, cloud)
    return film_of(Subject(u, exact, cloud, cloud.domain, "u", ("x", "y", "z"), np.asarray(times)), title)


def whole(made, i):
    """Frame i with everything drawn anew."""
    made.frame(i)
    for artist in made._moving:
        artist.set_animated(False)
    made.figure.canvas.draw()
    height, width = made.frame(i).shape[:2]
    pixels = np.asarray(made.figure.canvas.buffer_rgba())[:height, :width, :3].copy()
    for artist in made._moving:
        artist.set_animated(True)
    return pixels


# ----------------------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0, 0.25, 0.5], ["t = 0.00", "t = 0.25", "t = 0.50"]),
        ([0, 1, 2], ["t = 0", "t = 1", "t = 2"]),
        ([0, 1 / 3, 2 / 3], ["t = 0.00", "t = 0.33", "t = 0.67"]),
        ([-1, 0.5], ["t = −1.0", "t = 0.5"]),
        ([0, 2e-6], ["t = 0 × 10⁻⁶", "t = 2 × 10⁻⁶"]),
        ([0, 1.5e7], ["t = 0.0 × 10⁷", "t = 1.5 × 10⁷"]),
        ([3.0], ["t = 3"]),
        ([0.0], ["t = 0"]),
    ],
    ids=str,
)
def test_times_in_words(times, words):
    assert time_words(np.asarray(times, dtype=float)) == words


@pytest.mark.parametrize("known", [True, False], ids=["exact", "unknown"])
def test_a_movie_on_the_line_changes_the_curves_alone(known):
    made = film(wave, cloud_of("line"), exact=exactly(wave) if known else None, title="A wave")
    upper, *below = made.figure.axes
    assert len(below) == known
    limits = upper.get_ylim()
    for i, t in enumerate((0.0, 0.5, 1.0)):
        made.frame(i)
        curve, dots, *dashed = upper.lines
        for line in (curve, *dashed):
            np.testing.assert_allclose(line.get_ydata(), (1 + t) * np.sin(3 * line.get_xdata()), atol=1e-12)
        assert len(dashed) == known
        np.testing.assert_allclose(dots.get_ydata(), (1 + t) * np.sin(3 * dots.get_xdata()), atol=1e-12)
        assert made.figure.get_suptitle() == f"A wave,  t = {t:.1f}"
        assert upper.get_ylim() == limits
    assert limits[0] < 0 and limits[1] > 2


def test_what_is_drawn_anew_is_what_would_be_drawn():
    for cloud, f in (("line", wave), ("square", first)):
        made = film(f, cloud_of(cloud), exact=lambda x, t, f=f: exactly(f)(x, t) + 0.01 * (1 + t + x[0]))
        for i in (2, 0):
            different = (made.frame(i) != whole(made, i)).any(axis=2)
            assert different.mean() < 0.002


def test_a_movie_in_the_plane_has_one_scale_for_all_frames():
    made = film(first, cloud_of("square"))
    (axes,) = panels(made.figure)
    for i, t in enumerate((0.0, 0.5, 1.0)):
        pixels = made.frame(i)
        for x in (0.2, 0.9):
            column, row = axes.transData.transform((x, 0.37))
            found = pixels[round(made.figure.bbox.height) - 1 - round(row), round(column)] / 255
            np.testing.assert_allclose(found, map_color("viridis", (1 + t) * x / 2), atol=0.03)


def test_fields_and_errors_have_panels_of_their_own():
    made = film(swirl, cloud_of("square"), exact=lambda x, t: exactly(swirl)(x, t) + jnp.array([0.1, 0.2]))
    made.frame(1)
    assert titles(made.figure)[:2] == ["$u$$_1$", "$u$$_2$"]
    assert titles(made.figure)[2:] == ["|$u$$_1$ − exact|, max 0.1", "|$u$$_2$ − exact|, max 0.2"]
    check_words(made.finish())


def test_a_movie_in_space(tmp_path):
    figure = plot(growing(first, cloud_of("cube")), tmp_path / "u.gif", frames=2, progress=False)
    assert len(images_of(tmp_path / "u.gif")) == 2
    assert len(figure.axes) == 4
    assert figure.get_suptitle() == "t = 1"


def test_a_raster_holds_linear_functions_and_nothing_outside():
    domain = mf.Disk()
    raster = Raster(cover_domain(domain), np.array([1.0, 1.0]))
    X = raster.cover.vertices
    grid = raster.on_grid(raster.values(2 * X[:, 0] - X[:, 1]))
    x, y = np.meshgrid(raster.x, raster.y)
    inside = np.isfinite(grid)
    np.testing.assert_allclose(grid[inside], (2 * x - y)[inside], atol=1e-12)
    assert (np.hypot(x, y)[inside] < 1).all()
    assert inside[np.hypot(x, y) < 0.97].all()
    values = raster.values(np.where(X[:, 0] > 0, X[:, 0], np.nan))
    opaque = raster.image(values, value_scale(values))[..., 3] == 255
    assert not opaque[x < 0].any()
    assert opaque[inside & (x > 0.2)].all()


# ------------------------------------------------------------------------------------------------------------ files


def images_of(path):
    with Image.open(path) as image:
        return [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(image)]


def test_a_gif_has_the_frames_and_their_speed(tmp_path):
    u = growing(wave, cloud_of("line"))
    figure = plot(u, tmp_path / "u.gif", frames=[0, 0.5, 0.7, 1.0], fps=10, progress=False)
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() == "t = 1.0"
    assert [path.name for path in tmp_path.iterdir()] == ["u.gif"]
    with Image.open(tmp_path / "u.gif") as image:
        assert (image.info["duration"], image.info["loop"]) == (100, 0)
    frames = images_of(tmp_path / "u.gif")
    assert len(frames) == 4
    assert all((a != b).any() for a, b in itertools.pairwise(frames))
    assert (frames[0][0, 0] == 255).all()


def test_without_ffmpeg_a_gif_is_written_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(film_files, "ffmpeg", lambda: None)
    with pytest.warns(UserWarning, match=r"there is no ffmpeg to write an MP4 file with: .*u\.gif is written instead"):
        plot(growing(wave, cloud_of("line")), tmp_path / "u.mp4", frames=2, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["u.gif"]


FFMPEG = """#!{python}
import sys
data = sys.stdin.buffer.read()
assert data, "no frames"
open(sys.argv[-1], "w").write(" ".join([*sys.argv[1:-1], str(len(data))]))
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program in the place of ffmpeg."""

    def put(text):
        path = tmp_path / "ffmpeg"
        path.write_text(text.format(python=sys.executable))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(film_files, "ffmpeg", lambda: str(path))

    return put


def test_ffmpeg_is_given_the_pixels(tmp_path, program):
    program(FFMPEG)
    plot(growing(wave, cloud_of("line")), tmp_path / "u.mp4", frames=3, fps=12, progress=False)
    told = (tmp_path / "u.mp4").read_text().split()
    size = told[told.index("-s") + 1]
    width, height = map(int, size.split("x"))
    assert width % 2 == height % 2 == 0
    assert int(told[-1]) == 3 * 3 * width * height
    assert told[told.index("-r") + 1] == "12"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ffmpeg", "u.mp4"]


@pytest.mark.parametrize(
    "text",
    [
        "#!{python}\nimport sys\nsys.exit('no encoder')\n",
        "#!{python}\nimport sys\nsys.stdin.read(9)\nsys.exit('no encoder')",
    ],
    ids=["at once", "later"],
)
def test_what_ffmpeg_says_is_told_and_the_old_file_stays(tmp_path, program, text):
    program(text)
    (tmp_path / "u.mp4").write_text("old")
    with pytest.raises(OSError, match="no encoder"):
        plot(growing(wave, cloud_of("line")), tmp_path / "u.mp4", frames=3, progress=False)
    assert (tmp_path / "u.mp4").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ffmpeg", "u.mp4"]


def test_a_movie_that_is_cut_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "u.gif"
    path.write_text("old")

    def cut_off(image, target, **options):
        target.write_bytes(b"half a movie")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        plot(growing(wave, cloud_of("line")), path, frames=2, progress=False)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_a_movie(tmp_path):
    u, still = growing(wave, cloud_of("line")), solution(wave, cloud_of("line"))
    for made, options, told in (
        (u, {"path": "u.avi"}, r"written as \.png, \.pdf, \.svg, \.jpg, movies as \.mp4, \.gif; got 'u\.avi'"),
        (still, {"path": "u.gif"}, r"written as \.png, \.pdf, \.svg, \.jpg; got 'u\.gif'"),
        (still, {"frames": 3}, "frames= are the times of what mf.evolve returns, and this solution has none"),
        (u, {"path": tmp_path / "u.gif", "fps": 0}, "fps is the number of frames in a second, from 1 to 100; got 0"),
        (u, {"frames": [0.5, 1.5]}, "growing times from 0 to 1"),
        (u, {"exact": wave}, r"exact is a function of \(x, t\), as u is; got a function of x alone"),
        (u, {"exact": exactly(swirl)}, r"exact has values of shape \(2,\), the solution of shape \(\)"),
    ):
        with pytest.raises(ValueError, match=told):
            plot(made, **options)
    with pytest.raises(FileNotFoundError, match="create it first"):
        plot(u, Path("nowhere") / "u.gif")
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------------------------------------- stills


def test_a_still_of_the_line_shows_some_times_and_all_times(tmp_path):
    figure = plot(growing(wave, cloud_of("line")), tmp_path / "u.png", exact=exactly(wave), title="A wave")
    curves, space_time, error = panels(figure)
    assert [line.get_label() for line in curves.lines if line.get_label()[0] != "_"] == [
        *("t = 0.00", "t = 0.25", "t = 0.50", "t = 0.75", "t = 1.00"),
        "exact",
    ]
    np.testing.assert_allclose(curves.lines[4].get_ydata(), 1.5 * np.sin(3 * curves.lines[4].get_xdata()), atol=1e-12)
    (image,) = space_time.images
    assert image.get_extent() == [0, 1, 0, 1]
    pixels, scale = image.get_array(), value_scale(np.array([2 * np.sin(3.0), 2.0, 0.0]))
    np.testing.assert_allclose(pixels[100, 200] / 255, map_color("viridis", 1.5 * np.sin(1.5) / scale.high), atol=0.02)
    assert error.get_title().startswith("|$u$ − exact|, max ")
    check_words(figure, drawn=True)


def test_stills_of_the_plane_are_a_row_of_times():
    figure = plot(growing(first, cloud_of("square")), exact=lambda x, t: exactly(first)(x, t) + 0.1)
    assert titles(figure)[:4] == ["$u$,  t = 0.00", "$u$,  t = 0.33", "$u$,  t = 0.67", "$u$,  t = 1.00"]
    assert titles(figure)[4:] == [f"|$u$ − exact|\nt = {t},  max 0.1" for t in ("0.00", "0.33", "0.67", "1.00")]
    assert sum(len(axes.child_axes) for axes in figure.axes) == 2  # colour bars
    check_words(figure)
    assert titles(plot(growing(first, cloud_of("square")), frames=[0.2, 0.4])) == ["$u$,  t = 0.2", "$u$,  t = 0.4"]


def test_a_picture_at_one_time_has_the_error_then():
    cloud = cloud_of("line")
    problem = mf.Problem(
        cloud.domain,
        interior=lambda u, x, t: mf.time_derivative(u)(x),
        boundary=mf.dirichlet(exactly(wave)),
        exact=lambda x, t: exactly(wave)(x, t) + 0.25,
    )
    figure = plot(growing(wave, cloud).at(0.5), problem=problem)
    assert figure.axes[1].get_title() == "|$u$ − exact|, max 0.25"


def test_a_still_of_a_body_is_of_the_last_time():
    figure = plot(growing(first, cloud_of("cube")), exact=exactly(first), title="A body")
    assert figure.get_suptitle() == "A body,  t = 1"
    assert len(figure.axes) == 8
