"""The command line: every flag does what it says, and bad input is one line and status 2."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import meshio
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal.saved_objects import load_npz
from meshfree.run import command_line, defaults, study
from meshfree.run.flags import HELP, Choices, Output, parse
from meshfree.tuning import losses

ROOT = Path(__file__).parents[2]
ROD = mf.Interval(0.0, 1.0)
DEFAULTS = {"degree": 6, "spacing": 0.1}


class Wave(eqx.Module):
    k: jax.Array

    def __call__(self, x):
        return jnp.sin(self.k * x[0])


class Helmholtz(eqx.Module):
    k: jax.Array

    def __call__(self, u, x):
        return mf.laplacian(u)(x) + self.k**2 * Wave(self.k)(x)


def problem(k: float = 2.0, known: bool = True) -> mf.Problem:
    """−u″ = k² sin kx on a rod.

    Modules with arrays as residuals: what one test compiled serves the others.
    """
    wave = Wave(jnp.asarray(k))
    exact = wave if known else None
    return mf.Problem(ROD, interior=Helmholtz(wave.k), boundary=mf.dirichlet(wave), exact=exact)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def settings(cache, monkeypatch):
    """`run` sets options of JAX: put them back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("COLUMNS", "120")
    names = [
        "jax_enable_x64",
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    ]
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def solved(*flags, made=problem, defaults=DEFAULTS):
    return command_line.run(made, args=[str(flag) for flag in flags], **defaults)


def refused(capsys, call) -> str:
    """The one line of a call that exits with status 2."""
    with pytest.raises(SystemExit) as stop:
        call()
    assert stop.value.code == 2
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), printed.err
    assert printed.out == ""
    return lines[0]


def rows(text: str) -> dict[str, str]:
    """The table: a key and its text on every line."""
    return dict(line.split(maxsplit=1) for line in text.splitlines())


# -------------------------------------------------------------------------------------------- the tables


def test_the_table_says_what_was_solved_and_how_well(capsys):
    outcome = solved()
    table = rows(capsys.readouterr().out)
    assert list(table) == ["problem", "nodes", "space", "solve", "residual", "off", "error", "seconds"]
    assert table["problem"] == "test_command_line(k=2, known=True)"
    assert f"{len(outcome.solution.space.cloud)} (interior" in table["nodes"]
    assert table["space"].startswith("Eigenbasis of degree 6, Gaussian(scale=3.0), 7 unknowns, ")
    assert table["solve"].startswith("1 step, rank 7, condition")
    assert f"{outcome.error:.1e}" in table["error"]
    assert outcome.error < 1e-3
    assert f"in all {outcome.seconds:.2f}" in table["seconds"]


def test_without_an_exact_solution_there_is_no_error_in_the_table(capsys):
    assert solved("--no-known").error is None
    assert "error" not in rows(capsys.readouterr().out)


def test_a_study_prints_the_observed_order(capsys, tmp_path):
    outcome = solved("--converge", "--plot", tmp_path / "study.png")
    name, heads, *lines = capsys.readouterr().out.splitlines()
    assert name == "test_command_line"
    assert heads.split() == ["unknowns", "spacing", "error", "order", "seconds"]
    assert [line.split()[0] for line in lines] == ["3", "4", "5", "7"]
    assert float(lines[-1].split()[3]) > 2
    assert outcome.solution.space.degree == 6
    assert is_png(tmp_path / "study.png")


# --------------------------------------------------------------------------------------------- the flags


def test_arguments_of_the_factory_are_flags(capsys):
    outcome = solved("--k", "3.0")
    assert float(outcome.problem.interior.k) == 3.0
    assert "k=3" in rows(capsys.readouterr().out)["problem"]


def test_a_problem_has_no_flags_of_its_own(capsys):
    assert solved(made=problem()).error == solved().error
    capsys.readouterr()
    assert "Unrecognized options: --k" in unreadable(capsys, lambda: solved("--k", 3.0, made=problem()))


def test_a_named_kernel_means_its_translates():
    outcome = solved("--kernel", "wendland", "--scale", "0.6", "--kernel-order", "4", "--spacing", "0.1")
    space = outcome.solution.space
    assert isinstance(space, mf.Collocation)
    assert space.kernel.describe() == "Wendland(smoothness=4, dim=3)"
    assert float(space.kernel.scale) == pytest.approx(0.6)
    assert space.degree == -1, "the script's degree is that of its own space"


def test_options_of_petsc_begin_as_flags_do():
    _, choices, _ = parse(problem, ["--petsc", "-ksp_type bcgs", "--seed", "3"], {}, "script.py", "")
    assert (choices.petsc, choices.seed, choices.of_solver) == ("-ksp_type bcgs", 3, "petsc -ksp_type bcgs")


def test_another_space_takes_its_own_rules_and_all_that_was_said():
    script = {"degree": 9, "scale": (0.5,), "spacing": 0.1, "rate": 0.3}
    flags = ["--space", "collocation", "--degree", "1"]
    _, choices, _ = parse(problem, flags, script, "script.py", "")
    assert (choices.degree, choices.scale, choices.spacing, choices.rate) == (1, (), None, 0.3)
    _, choices, _ = parse(problem, ["--space", "stencils"], {"space": "wendland", "levels": 4}, "script.py", "")
    assert choices.levels == 1


def test_spacing_seed_cluster_and_scale_make_the_space_and_its_nodes():
    space = solved("--spacing", 0.1, "--seed", 3, "--cluster", 0.5, "--scale", 2).solution.space
    assert float(space.kernel.scale) == pytest.approx(2.0)
    np.testing.assert_array_equal(space.cloud.points, ROD.cloud(0.1, seed=3, cluster=0.5).points)


def test_nodes_from_a_file(tmp_path):
    cloud = ROD.cloud(0.1, seed=5, cluster=1.0)
    cloud.save(tmp_path / "nodes.csv")
    outcome = solved("--cloud", tmp_path / "nodes.csv")
    np.testing.assert_array_equal(outcome.solution.space.cloud.points, cloud.points)


@pytest.mark.parametrize("solver", ["qr", "svd"])
def test_the_solvers_agree(solver):
    assert solved("--solver", solver).error == pytest.approx(solved().error, rel=1e-3)


@pytest.mark.parametrize(
    "flags",
    [
        ("--tune", 9, "--loss", "leave-one-out"),
        ("--tune", 2, "--optimizer", "lbfgs"),
        ("--tune", 2, "--optimizer", "adam", "--rate", 0.2),
    ],
    ids=str,
)
def test_tuning_moves_the_scale_and_is_kept_in_the_file(capsys, tmp_path, flags):
    picture, file = tmp_path / "u.png", tmp_path / "u.npz"
    steps = flags[1]
    outcome = solved(*flags, "--plot", picture, "--save", file)
    table = rows(capsys.readouterr().out)
    assert table["tune"].startswith(f"{steps} steps, log of the loss")
    assert outcome.history.loss.shape == (outcome.history.scanned + steps + 1,)
    scale = float(outcome.solution.space.kernel.scale)
    assert scale != pytest.approx(3.0, rel=1e-6)
    if "--rate" in flags:  # adam's first step is its rate, of the scale's logarithm
        logarithms = np.log(np.asarray(jax.nn.softplus(outcome.history.parameters)))
        began = np.argmin(outcome.history.loss[:9])
        assert abs(logarithms[9] - logarithms[began]) == pytest.approx(0.2, rel=1e-3)
    assert is_png(picture) and is_png(tmp_path / "u_tuning.png")
    loaded = mf.Solution.load(file)
    assert float(loaded.space.kernel.scale) == scale
    X = ROD.sample(20, seed=1)
    np.testing.assert_array_equal(loaded(X), outcome.solution(X))
    kept = load_npz(file).settings
    assert (kept["k"], kept["tune"], kept["degree"]) == (2.0, steps, 6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["u.npz", "u.png", "u_tuning.png"]


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_help_names_every_flag_and_the_equation(capsys):
    with pytest.raises(SystemExit) as stop:
        solved("--help")
    assert stop.value.code in (0, None)
    shown = capsys.readouterr().out
    assert set(re.findall(r"^ +--([a-z-]+)", shown, re.MULTILINE)) >= {
        name.replace("_", "-") for name in ["k", "known", *HELP]
    }
    assert "every flag does what it says" in shown  # this file's docstring, as that of a script
    assert "Write a picture of the solution here" in shown
    assert "default: 6" in shown


def test_a_solution_is_saved_for_paraview(tmp_path):
    solved("--save", tmp_path / "u.vtu")
    mesh = meshio.read(tmp_path / "u.vtu")
    assert {"u", "gradient", "error"} <= set(mesh.point_data)
    assert np.max(np.abs(mesh.point_data["error"])) < 1e-3


def test_a_missing_package_is_told_before_the_work(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "meshio", None)
    line = refused(capsys, lambda: solved("--save", tmp_path / "u.vtu"))
    assert "a .vtu file needs the package meshio: pip install 'meshfree[geometry]'" in line


# ------------------------------------------------------------------------------------------------ Ctrl-C


def interrupted(capsys, call) -> tuple[str, str]:
    """What a call prints that exits with status 130, and its one line on standard error."""
    with pytest.raises(SystemExit) as stop:
        call()
    assert stop.value.code == 130
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    return printed.out, line


def interrupt_at(monkeypatch, module, name, call):
    """The function of that name is interrupted at this call of it, the first being 0."""
    function, calls = getattr(module, name), iter(range(1000))

    def counted(*args, **options):
        if next(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return function(*args, **options)

    monkeypatch.setattr(module, name, counted)


def test_ctrl_c_is_one_line_and_status_130(capsys, monkeypatch):
    interrupt_at(monkeypatch, study, "solve", 0)
    assert interrupted(capsys, solved) == ("", "interrupted: nothing is left to write")


def test_ctrl_c_keeps_what_was_tuned(capsys, monkeypatch, tmp_path):
    interrupt_at(monkeypatch, losses, "solve_on_host", 8 + 3)  # after the scan
    file = tmp_path / "u.npz"
    table, line = interrupted(capsys, lambda: solved("--tune", 10, "--optimizer", "adam", "--save", file))
    assert line == f"interrupted: the best of 3 steps of tuning, of 10, kept, {file} written"
    assert rows(table)["tune"].startswith("3 steps, log of the loss")
    assert float(mf.Solution.load(file).space.kernel.scale) != pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("flags", [(), ("--no-known",)], ids=["known", "unknown"])
def test_ctrl_c_keeps_the_finished_resolutions(capsys, monkeypatch, tmp_path, flags):
    interrupt_at(monkeypatch, study, "solve", 2)
    table, line = interrupted(capsys, lambda: solved("--converge", *flags, "--save", tmp_path / "u.npz"))
    assert line == f"interrupted: 2 resolutions solved, {tmp_path / 'u.npz'} written"
    assert [row.split()[0] for row in table.splitlines()[2:]] == ["3", "4"]
    assert mf.Solution.load(tmp_path / "u.npz").space.size == 4


def test_ctrl_c_in_tuning_ends_a_study(capsys, monkeypatch):
    interrupt_at(monkeypatch, losses, "solve_on_host", 3)
    table, line = interrupted(capsys, lambda: solved("--converge", "--tune", 5))
    assert line == "interrupted: 1 resolution solved, the best of 3 steps of tuning, of 5, kept"
    assert len(table.splitlines()) == 3


# -------------------------------------------------------------------------------------------- bad input

UNREADABLE = {
    "unknown flag": ("--spacin 0.1", "Unrecognized options: --spacin, 0.1 .* --spacing"),
    "wrong type": ("--degree six", "Error parsing --degree: .*'six'"),
    "wrong type of the factory's": ("--k two", "--k: could not convert"),
    "unknown kernel": ("--kernel cubic", "'cubic' for argument '--kernel'. Expected one of .*'gaussian'"),
    "unknown space": ("--space wavelets", "'wavelets' for argument '--space'. Expected one of .*'stencils'"),
    "missing value": ("--degree", "Missing value for argument '--degree'"),
}


def unreadable(capsys, call) -> str:
    """What the parser says of a command line that it cannot read, without the box around it, and on one line."""
    with pytest.raises(SystemExit) as stop:
        call()
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return " ".join(printed.err.translate(dict.fromkeys(map(ord, "╭╮╰╯│─"))).split())


@pytest.mark.parametrize(("flags", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_as_flags_is_explained_with_status_2(capsys, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    said = unreadable(capsys, lambda: solved(*flags.split()))
    assert re.search(message, said), said
    assert said.endswith("--help")
    assert list(tmp_path.iterdir()) == []


BAD = {
    "order of the gaussian": ("--kernel gaussian --kernel-order 2", "the gaussian kernel has no --kernel-order"),
    "devices that are not there": ("--devices 99", "devices must be from 1 to"),
    "order of the eigenbasis": ("--kernel-order 2", "no --kernel-order"),
    "a flag of old": ("--kernel matern --shape 2.5", "--shape is called --kernel-order now"),
    "a flag of old, joined": ("--kernel matern --shape=2.5", "--shape is called --kernel-order now"),
    "another flag of old": ("--nodes rod.csv", "--nodes is called --cloud now"),
    "kind of cloud": ("--cloud rod.doc", "clouds are kept in "),
    "scale of the polyharmonic": (
        "--kernel polyharmonic --scale 1",
        "the polyharmonic kernel has no --scale",
    ),
    "eigenbasis of another": ("--space eigenbasis --kernel matern", "of the gaussian, not of matern"),
    "missing nodes": ("--cloud nowhere.csv", "no cloud file at nowhere.csv"),
    "missing folder": ("--plot nowhere/u.png", "nowhere of u.png does not exist"),
    "kind of picture": ("--plot u.gif", "--plot writes .png, .pdf, .svg, .jpg; got u.gif"),
    "suffix of the file": ("--save u.npy", "kept in .npz, .vtu, .pvtu, .vtk, .xdmf files; got 'u.npy'"),
    "too coarse": ("--spacing 5", "spacing=5.0 leaves no room"),
    "spacing of zero": ("--spacing 0", "spacing must be positive"),
    "negative scale": ("--scale -1", "scale must be positive and finite; got -1.0"),
    "scale of zero": ("--scale 0", "scale must be positive and finite; got 0.0"),
    "too many scales": ("--scale 1 2", "2 scales and the cloud 1 dimensions"),
    "negative degree": ("--degree -1", "--degree must be at least 0; got -1"),
    "negative steps": ("--tune -1", "steps must be at least 0"),
    "cluster": ("--cluster 2", "cluster must lie in [0, 1]"),
    "study of given nodes": ("--cloud nowhere.csv --converge", "a convergence study makes its own nodes"),
}


@pytest.mark.parametrize(("flags", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, lambda: solved(*flags.split()))
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_defaults_that_are_no_flags(capsys):
    assert "shape= is called kernel_order= now" in refused(capsys, lambda: solved(defaults={"shape": 4}))
    line = refused(capsys, lambda: solved(defaults={"spacin": 0.1}))
    assert "no flag is named spacin; a script may set tol, space, kernel, kernel_order, scale," in line
    assert "space is 'wavelets'" in refused(capsys, lambda: solved(defaults={"space": "wavelets"}))


def test_a_factory_may_have_an_argument_that_is_called_as_a_flag_of_old():
    def with_shape(shape: float = 2.0):
        return problem(shape)

    assert parse(with_shape, ["--shape", "3"], {}, "script.py", "")[0] == {"shape": 3.0}


def test_every_choice_but_those_of_scripts_has_a_help_that_tells_its_defaults():
    fields = [field.name for kind in (Choices, Output) for field in dataclasses.fields(kind)]
    assert [name for name in fields if name not in HELP] == ["enrich", "grading"]
    assert set(HELP) <= set(fields)
    assert "nu of matern (default 5.5), smoothness of wendland (default 6)" in HELP["kernel_order"]
    assert "default 30, 24, 14 in 1, 2, 3 dimensions" in HELP["degree"]
    assert "divided by 16, 16, 8 in 1, 2, 3 dimensions, by 200, 48, 20" in HELP["spacing"]


def test_a_new_space_is_one_line_of_a_table(monkeypatch):
    """A registered builder can be chosen, is shown in the help, and its own flags are refused elsewhere."""
    rules = defaults.SPACES["eigenbasis"]._replace(own_flags=("seed",))
    monkeypatch.setitem(defaults.SPACES, "tenth", rules)
    _, choices, _ = parse(problem, ["--space", "tenth", "--degree", "3", "--seed", "1"], {}, "script.py", "")
    assert (choices.family, choices.is_local) == ("tenth gaussian", False)
    assert defaults.build_space(problem(), ROD.cloud(0.2), choices).size == 4
    with pytest.raises(ValueError, match="--seed is for --space tenth, not for stencils"):
        defaults.build_space(problem(), ROD.cloud(0.2), dataclasses.replace(choices, space="stencils"))


def test_earlier_files_stay_whole_when_a_run_fails(capsys, tmp_path):
    picture, file = tmp_path / "u.png", tmp_path / "u.npz"
    for path in (picture, file):
        path.write_bytes(b"earlier")
    refused(capsys, lambda: solved("--plot", picture, "--save", file, "--solver", "lu"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "u.png": b"earlier",
        "u.npz": b"earlier",
    }


def test_a_folder_is_no_file_to_write(capsys, tmp_path):
    for flag, name in [("--plot", "folder.png"), ("--save", "folder.npz")]:
        (tmp_path / name).mkdir()
        assert "is a folder" in refused(capsys, lambda: solved(flag, tmp_path / name))  # noqa: B023


def needs_a_default(k):
    return problem(k)


def takes_a_flag(seed: int = 0):
    return problem(seed)


def makes_nothing():
    return None


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (needs_a_default, "argument k needs a default"),
        (takes_a_flag, "argument seed is a flag of every problem already"),
        (makes_nothing, "makes a NoneType; it must return a meshfree.Problem"),
    ],
)
def test_factories_that_make_no_command_line(capsys, factory, message):
    assert message in refused(capsys, lambda: solved(made=factory))


def test_a_value_that_the_factory_refuses_is_bad_input(capsys):
    def choosy(load: float = 3.0):
        raise ValueError("load is at most 2;\n got 3")

    assert refused(capsys, lambda: solved(made=choosy)) == "error: load is at most 2; got 3"


def test_a_mistake_in_the_problem_itself_keeps_its_traceback():
    def broken():
        return mf.Problem(ROD, interior=lambda u, x: u(x) + {}["rate"], boundary=mf.dirichlet())

    with pytest.raises(KeyError, match="rate"):
        solved(made=broken)


def test_a_script_runs_from_the_shell_and_keeps_what_it_compiled(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        str(ROOT / "problems" / "poisson_square.py"),
        "--plot",
        "x.png",
        "--save",
        "u.npz",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done.stdout)["problem"] == "poisson_square()"
    assert is_png(tmp_path / "x.png")
    u, centre = mf.Solution.load(tmp_path / "u.npz"), jnp.array([0.5, 0.25])
    assert u(centre) == pytest.approx(np.cos(np.pi / 8), abs=1e-10)
    assert any((tmp_path / "cache" / "meshfree" / "jax").iterdir())
