"""Eigenvalues and branches on the command line: flags, tables, pictures and files."""

import jax.numpy as jnp
import numpy as np
import pytest
from test_command_line import ROD, is_png, refused, rows, settings, solved  # noqa: F401

import meshfree as mf

DEFAULTS = {"degree": 10, "scale": (1.0,), "spacing": 0.05}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def string(u, x, lam):
    return mf.laplacian(u)(x) + lam * u(x)


def bratu(u, x, lam):
    return mf.laplacian(u)(x) + lam * jnp.exp(u(x))


def fixed(u, x, n, lam):
    return u(x)


def eigenproblem(known: bool = True) -> mf.Problem:
    values = [(k * np.pi) ** 2 for k in (1, 2)] if known else ()
    return mf.Problem(ROD, interior=string, boundary=fixed, exact_parameters=values)


def branching(known: bool = True) -> mf.Problem:
    return mf.Problem(ROD, interior=bratu, boundary=fixed, exact_parameters=[3.513830719] if known else ())


def test_modes(capsys, tmp_path):
    flags = ("--modes", 3, "--plot", tmp_path / "modes.png", "--save", tmp_path / "modes.npz")
    outcome = solved(*flags, made=eigenproblem, defaults=DEFAULTS)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:10].strip() for line in lines] == [
        *("problem", "nodes", "space", "mode 1", "mode 2", "mode 3", "off nodes", "error", "seconds")
    ]
    assert "9.8696" in lines[3] and "error" in lines[4] and "error" not in lines[5]
    assert outcome.error == max(outcome.errors) and len(outcome.errors) == 2 and outcome.error < 1e-5
    assert is_png(tmp_path / "modes.png")
    back = mf.Modes.load(tmp_path / "modes.npz")
    np.testing.assert_array_equal(back.values, outcome.solution.values)
    assert float(back[0](np.array([0.5]))) == pytest.approx(2**0.5, rel=1e-5)
    near = solved("--modes", 1, "--near", 40, "--no-known", made=eigenproblem, defaults=DEFAULTS)
    assert near.error is None and near.solution.values == pytest.approx([4 * np.pi**2], rel=1e-4)


def test_a_branch(capsys, tmp_path):
    flags = ("--trace", 1, 4, "--plot", tmp_path / "branch.png", "--save", tmp_path / "branch.npz")
    outcome = solved(*flags, made=branching, defaults=DEFAULTS)
    table = rows(capsys.readouterr().out)
    assert list(table) == ["problem", "nodes", "space", "parameter", "steps", "fold", "off", "error", "seconds"]
    assert table["parameter"] == "1 to 1: came back to the first value" and table["fold"].startswith("3.5138")
    assert outcome.error < 1e-4 and outcome.final.stats["parameter"] == 1.0
    assert is_png(tmp_path / "branch.png")
    back = mf.Branch.load(tmp_path / "branch.npz")
    assert back.turns == outcome.solution.turns and back.stats["message"] == outcome.solution.stats["message"]
    np.testing.assert_array_equal(back[-1].coefficients, outcome.final.coefficients)


def test_a_study_of_modes(capsys):
    solved("--modes", 1, "--converge", made=eigenproblem, defaults=DEFAULTS | {"degree": 12})
    _, heads, *lines = capsys.readouterr().out.splitlines()
    assert heads.split()[2] == "error" and float(lines[-1].split()[2]) < float(lines[1].split()[2])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--modes 3 --tol 1e-6", "--modes does not go with --tol"),
        ("--modes 3 --times 0 1", "--modes does not go with --times"),
        ("--modes 3 --trace 0 1", "--trace does not go with --modes"),
        ("--modes 300", "k is a number of eigenvalues, from 1 to the 11 unknowns"),
        ("--modes 2 --save u.vtu", "kept in .npz files; got 'u.vtu'"),
        ("--modes 2 --plot u.gif", "--plot writes .png, .pdf, .svg, .jpg; got u.gif"),
    ],
)
def test_bad_flags(capsys, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, lambda: solved(*flags.split(), made=eigenproblem, defaults=DEFAULTS))


def test_a_stationary_problem_has_no_modes(capsys):
    assert "this problem is stationary: drop --modes" in refused(capsys, lambda: solved("--modes", 2))
