"""Problems in time on the command line: flags, tables, movies and files."""

import signal

import jax.numpy as jnp
import numpy as np
import pytest
from test_command_line import ROD, interrupted, is_png, refused, rows, settings, solved  # noqa: F401

import meshfree as mf
from meshfree.run import study
from meshfree.run.defaults import Choices

DEFAULTS = {"space": "stencils", "degree": 2, "spacing": 0.1, "times": (0.0, 0.1), "tolerance": 1e-5}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def exact(x, t):
    return jnp.exp(-4 * t) * jnp.sin(2 * x[0])


def heat(u, x, t):
    return mf.time_derivative(u)(x) - mf.laplacian(u)(x)


def initial(x):
    return exact(x, 0.0)


ENDS = mf.dirichlet(exact)


def in_time(known: bool = True) -> mf.Problem:
    return mf.Problem(ROD, interior=heat, boundary=ENDS, initial=initial, exact=exact if known else None)


def evolved(*flags, defaults=DEFAULTS):
    return solved(*flags, made=in_time, defaults=defaults)


def test_the_table_tells_of_the_steps(capsys):
    outcome = evolved()
    table = rows(capsys.readouterr().out)
    assert list(table) == ["problem", "nodes", "space", "times", "steps", "off", "error", "seconds"]
    u = outcome.solution
    assert table["times"] == "0 to 0.1: reached the last time"
    assert table["steps"].startswith(f"{u.stats['steps']} steps of {u.stats['method']}, tolerance 1.0e-05, ")
    assert f"{outcome.error:.1e} (relative L2 at 2000 independent points, t = 0.1)" in table["error"]
    X = ROD.sample(50, seed=3)
    right = np.exp(-0.4) * np.sin(2 * X[:, 0])
    assert outcome.error == pytest.approx(np.linalg.norm(u(X, 0.1) - right) / np.linalg.norm(right), rel=0.5)
    assert 1e-6 < outcome.error < 1e-2
    assert f"{outcome.residual:.1e} (weighted residual at other points, t = 0.1)" in table["off"].removeprefix("nodes")
    assert outcome.error < outcome.residual < 1


def test_the_residual_of_the_exact_solution_off_the_nodes_is_small():
    """It is zero at the nodes, and falls with them as the error does."""
    coarse, fine = (study.study(in_time(), Choices(**DEFAULTS | {"spacing": h})) for h in (0.2, 0.05))
    assert fine.residual < coarse.residual / 2
    nodes = mf.residual_norm(in_time(), fine.final, fine.final.space.cloud)
    assert nodes < 1e-2 * fine.residual
    with pytest.raises(ValueError, match=r"give u\.at\(t\) of what mf\.evolve returns"):
        mf.residual_norm(in_time(), mf.interpolate(initial, fine.final.space), fine.final.space.cloud)


def test_flags_of_the_steps(capsys):
    u = evolved("--times", 0, 0.05, "--tolerance", 1e-3, "--method", "esdirk").solution
    assert (u.times[0], u.times[-1]) == (0.0, 0.05)
    assert (u.stats["tolerance"], u.stats["method"]) == (1e-3, "esdirk")
    bare = {name: value for name, value in DEFAULTS.items() if name not in ("times", "tolerance")}
    assert evolved("--tolerance", 1e-2, defaults=bare).solution.times[-1] == 1.0


def test_movies_pictures_and_files(capsys, tmp_path):
    u = evolved("--plot", tmp_path / "u.gif", "--frames", 2, "--save", tmp_path / "u.npz").solution
    back = mf.Trajectory.load(tmp_path / "u.npz")
    np.testing.assert_array_equal(back.times, [0, 0.1])
    np.testing.assert_array_equal(back.final.coefficients, u.final.coefficients)
    assert (tmp_path / "u.gif").read_bytes()[:6] == b"GIF89a"
    evolved("--plot", tmp_path / "u.png", "--save", tmp_path / "u.pvd", "--frames", 3)
    assert is_png(tmp_path / "u.png")
    assert len(list((tmp_path / "u").iterdir())) == 3


@pytest.mark.parametrize("flags", [(), ("--no-known",)], ids=["known", "unknown"])
def test_a_study_in_time(capsys, tmp_path, flags):
    evolved("--converge", "--spacing", 0.2, *flags, "--plot", tmp_path / "study.png")
    _, heads, *lines = capsys.readouterr().out.splitlines()
    assert heads.split()[2] == ("difference" if flags else "error")
    errors = [float(line.split()[2]) for line in lines[: 3 if flags else 4]]
    assert errors[-1] < errors[0] / 2
    assert is_png(tmp_path / "study.png")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tol 1e-6", "--tol is for stationary problems, and this one is in time: drop it; --tolerance is"),
        (
            "--devices 2",
            "--devices is for stationary problems, and this one is in time: drop it; steps are made on one",
        ),
        ("--tune 5", "--tune is for stationary problems, and this one is in time: drop it"),
        ("--times 1 0", "times are the first and the last, the first smaller, as (0, 1); got (1.0, 0.0)"),
        ("--tolerance 0", "tolerance must be positive"),
        ("--frames 1", "--frames is a number of times, at least 2; got 1"),
        ("--plot u.avi", "--plot writes .png, .pdf, .svg, .jpg, .mp4, .gif; got u.avi"),
        ("--converge --plot u.gif", "--plot writes .png, .pdf, .svg, .jpg; got u.gif"),
        ("--save u.vtu", "kept in .npz, .pvd files; got 'u.vtu'"),
        ("--space wendland --levels 2", "solved level by level, which time steps do not do"),
    ],
)
def test_bad_input_in_time(capsys, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, lambda: evolved(*flags.split()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--times 0 1 --method bdf", "this problem is stationary: drop --times, --method"),
        ("--frames 5", "--frames is for problems in time, and this one is stationary"),
        ("--plot u.gif", "--plot writes .png, .pdf, .svg, .jpg; got u.gif"),
        ("--save u.pvd", "kept in .npz, .vtu, .pvtu, .vtk, .xdmf files"),
    ],
)
def test_flags_in_time_of_a_stationary_problem(capsys, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, lambda: solved(*flags.split()))


def test_ctrl_c_keeps_what_was_reached(capsys, monkeypatch, tmp_path):
    def stopping(*args, **options):
        def stop(u, t):
            if t > 0.02:
                signal.raise_signal(signal.SIGINT)

        return mf.evolve(*args, stop=stop, **options)

    monkeypatch.setattr(study, "evolve", stopping)
    with pytest.warns(UserWarning, match="was interrupted at t = "):
        table, line = interrupted(capsys, lambda: evolved("--save", tmp_path / "u.npz"))
    reached = mf.Trajectory.load(tmp_path / "u.npz").times[-1]
    assert 0.01 < reached < 0.1
    assert line == f"interrupted: t = {reached:.6g} reached, {tmp_path / 'u.npz'} written"
    assert rows(table)["times"].endswith(f"interrupted at t = {reached:.6g}")
