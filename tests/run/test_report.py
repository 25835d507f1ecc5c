"""The page of a run: whole, by itself, escaped, and as a browser shows it."""

import html.parser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest
from matplotlib.figure import Figure

import meshfree as mf
from meshfree.run import command_line, report, study
from meshfree.run.html_page import Page, Picture, as_page

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "img", "br"}
OUTWARD = {"src", "href", "action", "poster", "data", "srcset"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Reader(html.parser.HTMLParser):
    """The elements of a page with their texts; what is closed must be what is open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.pictures, self.texts = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [value for name, value in given.items() if name in OUTWARD]
        self.pictures += [given] * (tag == "img")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Those of JAX are the tests' own."""
    monkeypatch.setattr(command_line, "configure_jax", lambda: None)


def rod(load: float = 2.0, name: str = "<b>&") -> mf.Problem:
    def exact(x):
        return load * x[0] * (1 - x[0]) / 2

    def poisson(u, x):
        return mf.laplacian(u)(x) + load

    return mf.Problem(mf.Interval(), interior=poisson, boundary=mf.dirichlet(), exact=exact)


ROD = {"degree": 6, "spacing": 0.1}


def page_of(path, *flags, made=rod, defaults=ROD) -> tuple[Reader, str]:
    command_line.run(made, args=[*map(str, flags), "--report", str(path)], **defaults)
    text = path.read_text(encoding="utf-8")
    return Reader(text), text


def test_a_page_tells_the_equation_the_results_and_how_to_repeat_them(tmp_path):
    page, _ = page_of(tmp_path / "run.html", "--load", 3)
    assert page.texts["h2"] == ["Pictures", "Results", "Settings", "How to repeat it", "Versions"]
    assert [picture["alt"] for picture in page.pictures] == [
        "The solution",
        "The nodes by part, and the normals of the boundary",
    ]
    assert page.texts["dt"] == ["error", "unknowns", "nodes", "Newton steps", "seconds"]
    assert 0 < float(page.texts["dd"][0]) < 1e-4
    assert page.texts["dd"][1:4] == ["7", str(len(mf.Interval().cloud(0.1, cluster=1.0))), "1"]
    words = page.texts["th"]
    assert {"problem", "nodes", "space", "error", "python", "meshfree", "jax", "devices", "--load"} <= set(words)
    assert "meshfree.run(problem, ['--load', '3', '--report', " in page.texts["code"][0]
    assert page.texts["span"][:2] == ["--tol", "--space"] and "--degree" not in page.texts["span"]
    assert "page_of" in page.texts["code"][1], "the script"


def test_everything_on_it_is_escaped_and_nothing_lies_elsewhere(tmp_path):
    page, text = page_of(tmp_path / "run.html")
    assert page.addresses and all(address.startswith("data:") for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(|<script", re.sub("<pre>.*?</pre>", "", text, flags=re.DOTALL))
    assert "<b>" not in text and "&lt;b&gt;&amp;" in text


def test_a_docstring_is_a_title_an_equation_and_paragraphs():
    def parts(description):
        page = Reader(as_page(EMPTY._replace(description=description)))
        return page.texts["h1"], page.texts.get("p", [])

    assert parts("A rod <steel>: −u″ = 2.\n\nMore,\nand more.\n") == (
        ["A rod <steel>"],
        ["rod", "−u″ = 2", "More, and more."],
    )
    assert parts("Only a title.") == (["Only a title"], ["rod"])
    assert parts("") == (["rod"], ["rod"])


EMPTY = Page("rod", "", [], [], [], [], [], [], [], "python rod.py", [], "")


def test_a_picture_that_cannot_be_drawn_is_told_and_the_page_is_made():
    figure = Figure((2.0, 1.0), layout="constrained")
    figure.subplots()
    page = Reader(
        as_page(EMPTY._replace(pictures=[Picture("one", figure), Picture("two", "no picture: 4 dimensions")]))
    )
    assert [(picture["width"], picture["height"]) for picture in page.pictures] == [("192", "96")]
    assert "two: no picture: 4 dimensions" in page.texts["p"]


def heat(k: float = 2.0) -> mf.Problem:
    def exact(x, t):
        return jnp.exp(-(k**2) * t) * jnp.sin(k * x[0])

    def equation(u, x, t):
        return mf.time_derivative(u)(x) - mf.laplacian(u)(x)

    return mf.Problem(
        mf.Interval(), interior=equation, boundary=mf.dirichlet(exact), initial=lambda x: exact(x, 0.0), exact=exact
    )


def string() -> mf.Problem:
    def equation(u, x, lam):
        return mf.laplacian(u)(x) + lam * u(x)

    return mf.Problem(mf.Interval(), interior=equation, boundary=lambda u, x, n, lam: u(x))


def bratu() -> mf.Problem:
    def equation(u, x, lam):
        return mf.laplacian(u)(x) + lam * jnp.exp(u(x))

    return mf.Problem(mf.Interval(), interior=equation, boundary=lambda u, x, n, lam: u(x))


@pytest.mark.parametrize(
    ("made", "flags", "heads", "word", "value"),
    [
        (heat, ["--times", 0, 0.1, "--tolerance", 1e-4], [], "steps", None),
        (string, ["--modes", 2], [], "eigenvalues", "2"),
        (bratu, ["--trace", 1.0, 1.5], [], "folds", "0"),
        (rod, ["--converge"], ["Convergence"], "Newton steps", "1"),
        (rod, ["--tune", 3], [], "Newton steps", "1"),
    ],
    ids=["time", "modes", "branch", "converge", "tune"],
)
def test_pages_of_all_kinds_of_runs(tmp_path, made, flags, heads, word, value):
    page, _ = page_of(tmp_path / "run.html", *flags, made=made, defaults={"degree": 8, "spacing": 0.1})
    assert page.texts["h2"] == ["Pictures", "Results", *heads, "Settings", "How to repeat it", "Versions"]
    assert len(page.pictures) == 2 + bool(heads) + ("--tune" in flags)
    shown = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
    assert word in shown and (value is None or shown[word] == value)
    assert ("order" in page.texts["th"]) == bool(heads)


def test_a_ladder_is_a_table_and_a_picture(tmp_path):
    page, _ = page_of(tmp_path / "run.html", "--tol", 1e-6)
    assert "Tried" in page.texts["h2"]
    assert "estimated error" in page.texts["th"]
    assert "tried" not in page.texts["th"]


def test_warnings_are_on_the_page_and_shown_as_ever(tmp_path):
    def coarse():
        def steep(u, x):
            return mf.laplacian(u)(x) + jnp.exp(60 * x[0])

        return mf.Problem(mf.Interval(), interior=steep, boundary=mf.dirichlet())

    with pytest.warns(UserWarning, match="between the nodes"):
        page, _ = page_of(tmp_path / "run.html", made=coarse, defaults={"degree": 3, "spacing": 0.2})
    assert any("between the nodes the residual is" in text for text in page.texts["p"])


def test_an_interrupted_study_has_a_page_that_says_so(tmp_path, monkeypatch):
    solve, calls = study.solve, iter(range(9))

    def interrupted(*args, **options):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return solve(*args, **options)

    monkeypatch.setattr(study, "solve", interrupted)
    path = tmp_path / "run.html"
    with pytest.raises(SystemExit) as stop:
        page_of(path, "--converge")
    assert stop.value.code == 130
    page = Reader(path.read_text(encoding="utf-8"))
    assert f"interrupted: 2 resolutions solved, {path} written" in page.texts["p"]
    assert [text for text in page.texts["td"] if text in ("3", "4", "5")] == ["3", "4"]


def test_an_earlier_page_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "run.html"
    path.write_text("earlier")
    monkeypatch.setattr(report, "as_page", lambda page: "\udc80")  # which UTF-8 cannot hold
    with pytest.raises(SystemExit):
        page_of(path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("run.pdf", "reports are kept in .html, .htm files; got '{name}': rename the file"),
        ("nowhere/run.html", "nowhere of run.html does not exist; make it first"),
        ("", "is a folder"),
    ],
)
def test_where_no_page_can_be_written_is_told_before_the_work(tmp_path, capsys, monkeypatch, name, message):
    monkeypatch.setattr(command_line, "study", None)  # which would fail
    if not name:
        name = "run.html"
        (tmp_path / name).mkdir()
    with pytest.raises(SystemExit) as stop:
        page_of(tmp_path / name)
    assert stop.value.code == 2
    assert message.format(name=tmp_path / name) in capsys.readouterr().err


def test_a_script_tells_the_command_that_was_typed(tmp_path):
    command = [sys.executable, ROOT / "problems" / "poisson_interval.py", "--degree", "10", "--report", "a page.html"]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    page = Reader((tmp_path / "a page.html").read_text(encoding="utf-8"))
    typed = f"cd {tmp_path}\npython {command[1]} --degree 10 --report 'a page.html'"
    assert page.texts["code"][0] == typed
    assert page.texts["code"][1] == command[1].read_text(encoding="utf-8")


# Sizes as the browser finds them, beside what it fetched from elsewhere and what went wrong.
PROBE = """<script>
const faults = [];
addEventListener("error", event => faults.push(String(event.message || event.target.src)), true);
addEventListener("load", () => {
  const sizes = [...document.images].map(image => [image.naturalWidth, image.clientWidth, image.clientHeight]);
  const names = performance.getEntriesByType("resource").map(entry => entry.name);
  const fetched = names.filter(name => !name.startsWith("data:"));
  const wide = document.documentElement.scrollWidth > innerWidth;
  document.body.innerHTML = "";
  document.title = JSON.stringify({ sizes, fetched, faults, wide });
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
@pytest.mark.parametrize("width", [1200, 400])
def test_a_browser_without_a_network_shows_it(tmp_path, width):
    _, text = page_of(tmp_path / "run.html", "--converge")
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --host-resolver-rules=MAP*~NOTFOUND --dump-dom"
    command = [CHROMIUM, *flags.split(), f"--window-size={width},900", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    found = json.loads(html.unescape(title[1]))
    print(found)
    assert len(found["sizes"]) == 3
    assert all(natural > 200 and w > 200 and h > 50 for natural, w, h in found["sizes"])
    assert found["fetched"] == found["faults"] == []
    assert not found["wide"], "nothing is wider than the window"
