"""Solutions in time: values between the steps, operators, rates, and files."""

import functools
import xml.etree.ElementTree as ET

import jax
import jax.numpy as jnp
import meshio
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal.plain import Text
from meshfree.internal.saved_objects import save_npz

ROD = mf.Interval(0.0, 1.0)


def exact(x, t):
    return (1 + t**3) * x[0] ** 2 + t


def pair(x, t):
    return jnp.stack([exact(x, t), x[0] - t**2])


def made(f, domain=ROD, spacing=0.2, times=(0.0, 0.3, 0.5, 1.0)):
    """A trajectory of a known function: nodal values, stencils exact for squares, times exact for polynomials."""
    cloud = domain.cloud(spacing)
    space = mf.Stencils(mf.Polyharmonic(3), cloud, degree=2)
    X, times = jnp.asarray(cloud.points), np.asarray(times)
    c = [np.asarray(jax.vmap(lambda x, t=t: f(x, t))(X)) for t in times]
    rate = [np.asarray(jax.vmap(lambda x, t=t: jax.jvp(lambda s: f(x, s), (t,), (1.0,))[1])(X)) for t in times]
    return mf.Trajectory(space, times, np.stack(c), np.stack(rate), {"method": Text("bdf"), "steps": 3})


@functools.cache
def evolved():
    """u_t = u'' + f on a rod, with fixed ends: u as in `exact` but for the times that it is between steps."""
    problem = mf.Problem(
        ROD,
        interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x) + x[0],
        boundary=mf.dirichlet(lambda x, t: 0.0 * t),
        initial=lambda x: x[0] * (1 - x[0]),
    )
    space = mf.Stencils(mf.Polyharmonic(3), ROD.cloud(0.1), degree=2)
    return problem, space, mf.evolve(problem, space, (0.0, 0.1), 1e-5)


POINT = np.array([0.35])


# ----------------------------------------------------------------------------------------------------------- values


def test_values_of_points_and_times():
    u = made(exact)
    X = np.linspace(0.1, 0.9, 5)[:, None]
    assert float(u(POINT, 0.4)) == pytest.approx(exact(POINT, 0.4), rel=1e-12)
    np.testing.assert_allclose(u(X, 0.4), (1 + 0.4**3) * X[:, 0] ** 2 + 0.4, rtol=1e-12)
    T = np.array([0.0, 0.3, 0.8, 1.0])
    assert u(POINT, T).shape == (4,)
    assert u(X, T).shape == (4, 5)
    np.testing.assert_allclose(u(X, T), u.values(X, T), rtol=1e-12)
    assert made(pair)(X, T).shape == (4, 5, 2)
    np.testing.assert_allclose(made(pair).values(X, T)[..., 1], X[:, 0] - T[:, None] ** 2, atol=1e-12)


def test_values_in_blocks_are_the_same(monkeypatch):
    u, X = made(pair), np.linspace(0, 1, 7)[:, None]
    before = u.values(X, np.linspace(0, 1, 6))
    monkeypatch.setattr("meshfree.solving.trajectory.AT_ONCE", 14)
    np.testing.assert_allclose(u.values(X, np.linspace(0, 1, 6)), before, rtol=1e-14)


def test_operators_apply_at_a_time_and_so_do_rates():
    u = made(exact).at(0.4)
    assert float(mf.laplacian(u)(POINT)) == pytest.approx(2 * (1 + 0.4**3), rel=1e-10)
    rate = mf.time_derivative(u)
    assert float(rate(POINT)) == pytest.approx(3 * 0.4**2 * POINT[0] ** 2 + 1, rel=1e-10)
    assert float(mf.laplacian(rate)(POINT)) == pytest.approx(6 * 0.4**2, rel=1e-10)
    rates = mf.time_derivative(made(pair).at(0.4))
    np.testing.assert_allclose(rates(POINT)[1], -0.8, rtol=1e-10)


def test_at_the_steps_it_is_what_was_computed():
    u = made(exact)
    np.testing.assert_array_equal(u.at(0.5).coefficients, u.coefficients[2])
    np.testing.assert_array_equal(u.final.rates, u.rates[-1])
    assert u.at(1.0 + 1e-14).stats["time"] == pytest.approx(1.0)


@pytest.mark.parametrize("t", [-0.1, 1.001, np.nan])
def test_times_outside_are_refused(t):
    u = made(exact)
    for call in (lambda: u.at(t), lambda: u(POINT, t), lambda: u(POINT, [0.5, t])):
        with pytest.raises(ValueError, match=r"u is known from t = 0 to 1; got t = "):
            call()


def test_traced_and_tabulated_times_are_refused():
    u = made(exact)
    with pytest.raises(TypeError, match=r"need a known time: use mf\.time_derivative"):
        jax.grad(lambda t: u.at(t)(POINT))(0.3)
    with pytest.raises(ValueError, match=r"a time or times \(k,\); got shape \(1, 2\)"):
        u(POINT, [[0.1, 0.2]])


def test_other_times_make_another_trajectory():
    u = made(exact)
    fewer = u.on(np.array([0.0, 0.4, 1.0]))
    assert float(fewer(POINT, 0.7)) == pytest.approx(exact(POINT, 0.7), rel=1e-10)
    np.testing.assert_array_equal(u.frames(5), np.linspace(0, 1, 5))
    np.testing.assert_array_equal(u.frames(), u.times)
    for frames in (1, 2.5, [0.5], [0.0, 1.2], [0.5, 0.5], [[0.0, 1.0]]):
        with pytest.raises(ValueError, match=r"frames is a number of times, at least 2, or growing times from 0 to 1"):
            u.frames(frames)


# ------------------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("f", [exact, pair], ids=["one field", "two"])
def test_an_npz_file_gives_all_back_bit_for_bit(tmp_path, f):
    u = made(f)
    u.save(tmp_path / "u.npz", exact=lambda x, t: f(x, t) - 2)
    back = mf.Trajectory.load(tmp_path / "u.npz")
    assert jax.tree.structure(back) == jax.tree.structure(u)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(u), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "method: 'bdf'" in repr(back)
    with np.load(tmp_path / "u.npz") as file:
        np.testing.assert_array_equal(file["times"], u.times)
        np.testing.assert_allclose(file["values"], u.coefficients, atol=1e-12)
        np.testing.assert_allclose(file["error"], 2, rtol=1e-12)
    u.save(tmp_path / "u.npz", frames=2)
    np.testing.assert_array_equal(mf.Trajectory.load(tmp_path / "u.npz").times, [0, 1])


def test_a_snapshot_is_kept_as_a_solution(tmp_path):
    u = made(exact).at(0.4)
    u.save(tmp_path / "u.npz", exact=lambda x: exact(x, 0.4))
    back = mf.Solution.load(tmp_path / "u.npz")
    np.testing.assert_array_equal(back.coefficients, u.coefficients)
    assert float(mf.time_derivative(back)(POINT)) == float(mf.time_derivative(u)(POINT))
    assert back.stats["time"] == 0.4
    u.save(tmp_path / "u.vtu")
    assert set(meshio.vtu.read(tmp_path / "u.vtu").point_data) == {"u", "gradient"}


def test_a_run_goes_on_from_a_file(tmp_path):
    problem, space, u = evolved()
    u.save(tmp_path / "u.npz")
    back = mf.Trajectory.load(tmp_path / "u.npz")
    first, second, third = (
        mf.evolve(problem, space, (0.1, 0.12), 1e-5, initial=one) for one in (u, back, back.at(0.1))
    )
    np.testing.assert_array_equal(first.coefficients[0], u.coefficients[-1])
    np.testing.assert_allclose(second.final.coefficients, first.final.coefficients, rtol=1e-9)
    np.testing.assert_allclose(third.final.coefficients, first.final.coefficients, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"times": np.array([0.0, 0.3, 0.3, 1.0])}, "its times do not grow"),
        ({"times": np.array([0.0, 0.3, np.nan, 1.0])}, "its times do not grow"),
        ({"times": np.array([0.0, 1.0])}, "the times and functions are"),
        ({"coefficients": np.zeros((4, 5))}, "coefficients and rates have the shapes"),
        ({"rates": np.zeros((4, 6, 2))}, "coefficients and rates have the shapes"),
    ],
    ids=["equal times", "NaN", "few times", "coefficients", "rates"],
)
def test_what_is_no_trajectory_is_refused(tmp_path, change, told):
    u = made(exact)
    fields = {name: getattr(u, name) for name in ("space", "times", "coefficients", "rates", "stats")} | change
    wrong = object.__new__(mf.Trajectory)
    for name, value in fields.items():
        object.__setattr__(wrong, name, value)
    save_npz(tmp_path / "u.npz", wrong)
    with pytest.raises(ValueError, match=rf"u\.npz cannot be read: .*{told}"):
        mf.Trajectory.load(tmp_path / "u.npz")


def test_files_of_another_kind(tmp_path):
    u = made(exact)
    u.at(0.4).save(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"holds a Snapshot, not a Trajectory"):
        mf.Trajectory.load(tmp_path / "one.npz")
    u.save(tmp_path / "u.npz")
    with pytest.raises(ValueError, match=r"holds a Trajectory, not a Solution"):
        mf.Solution.load(tmp_path / "u.npz")
    whole = (tmp_path / "u.npz").read_bytes()
    (tmp_path / "u.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"u\.npz is not an NPZ file of plain arrays, or is damaged"):
        mf.Trajectory.load(tmp_path / "u.npz")
    with pytest.raises(ValueError, match=r"kept in \.npz, \.pvd files; got .*u\.vtu': rename"):
        u.save(tmp_path / "u.vtu")
    with pytest.raises(ValueError, match=r"exact has values of shape \(2,\), the solution of shape \(\)"):
        u.save(tmp_path / "u.npz", exact=pair)


# ----------------------------------------------------------------------------------------------------------- series


def series(path):
    """The times and the files that a PVD file names."""
    sets = ET.parse(path).getroot().findall("Collection/DataSet")
    return [float(one.get("timestep")) for one in sets], [path.parent / one.get("file") for one in sets]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("domain", [ROD, mf.Box()], ids=["line", "square"])
@pytest.mark.parametrize("f", [exact, pair], ids=["one field", "two"])
def test_a_series_has_the_fields_at_every_time(tmp_path, domain, f):
    u = made(f, domain)
    u.save(tmp_path / "a run.pvd", exact=lambda x, t: f(x, t) - t, frames=3)
    times, files = series(tmp_path / "a run.pvd")
    assert times == [0.0, 0.5, 1.0]
    assert files_in(tmp_path) == ["a run", "a run.pvd"]
    assert files_in(tmp_path / "a run") == [path.name for path in files]
    for t, path in zip(times, files, strict=True):
        mesh = meshio.vtu.read(path)
        x = mesh.points[:, 0]
        first = (lambda values: values) if f is exact else (lambda values: values[:, 0])
        np.testing.assert_allclose(first(mesh.point_data["u"]), (1 + t**3) * x**2 + t, atol=1e-11)
        np.testing.assert_allclose(first(mesh.point_data["error"]), t, atol=1e-11)
        slope = mesh.point_data["gradient" if f is exact else "gradient_1"]
        np.testing.assert_allclose(slope[:, 0], 2 * (1 + t**3) * x, atol=1e-10)
        assert not slope[:, 1:].any() or np.abs(slope[:, 1:]).max() < 1e-10
        if f is pair:
            np.testing.assert_allclose(mesh.point_data["u"][:, 1], x - t**2, atol=1e-11)
            np.testing.assert_allclose(mesh.point_data["gradient_2"][:, 0], 1, atol=1e-10)


def test_a_new_series_takes_the_place_of_the_old_one(tmp_path):
    u = made(exact)
    for frames in (4, 2, 3):
        u.save(tmp_path / "u.pvd", frames=frames)
        (tmp_path / "u" / "notes.txt").write_text("kept")
        _, files = series(tmp_path / "u.pvd")
        assert files_in(tmp_path / "u") == ["notes.txt", *(path.name for path in files)]
        assert len(files) == frames


@pytest.mark.parametrize("before", [True, False], ids=["an old series", "none"])
@pytest.mark.parametrize("failing", ["write", "index"])
def test_a_series_that_is_cut_off_leaves_the_old_one(tmp_path, monkeypatch, before, failing):
    u = made(exact)
    if before:
        u.save(tmp_path / "u.pvd", frames=2)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    if failing == "write":
        write, count = meshio.vtu.write, iter([False, False, True])

        def cut_off(path, mesh, **options):
            write(path, mesh, **options)
            if next(count):
                raise KeyboardInterrupt

        monkeypatch.setattr("meshio.vtu.write", cut_off)
    else:

        def fail(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("meshfree.solving.series_files._index", fail)
    with pytest.raises(KeyboardInterrupt):
        u.save(tmp_path / "u.pvd", frames=4)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == kept
    assert before or not list(tmp_path.iterdir())


def test_where_a_series_cannot_be_written(tmp_path):
    u = made(exact)
    (tmp_path / "u").write_text("no folder")
    with pytest.raises(NotADirectoryError, match=r"u is no folder, and the files of u\.pvd go into a folder of that"):
        u.save(tmp_path / "u.pvd")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        u.save(tmp_path / "nowhere" / "u.pvd")
    assert (tmp_path / "u").read_text() == "no folder"


def test_paraview_reads_a_series(tmp_path):
    reader = pytest.importorskip("pyvista").PVDReader
    made(exact, mf.Box()).save(tmp_path / "u.pvd", frames=3)
    read = reader(str(tmp_path / "u.pvd"))
    assert read.time_values == [0.0, 0.5, 1.0]
    read.set_active_time_value(0.5)
    grid = read.read()[0]
    np.testing.assert_allclose(grid["u"], 1.125 * grid.points[:, 0] ** 2 + 0.5, atol=1e-11)


def test_what_is_asked_of_one_time_says_so():
    problem, space, u = evolved()
    with pytest.raises(TypeError, match=r"got a Trajectory: give u\.at\(t\), the solution at one time, or u\.final"):
        mf.residual_norm(problem, u, space.cloud)
