"""Build the documentation's site from scripts/docs into build/docs/html; needs the extra `docs`.

    python scripts/build_docs.py             warnings are errors; the example scripts are shown, not run
    python scripts/build_docs.py --examples  runs them too, and shows what they print (some minutes)

Sources are read from a tree of links to the repository, so that what Sphinx writes beside them stays in build/, and
relative links from pages to scripts and pictures work as they do between the plain files.
"""

import argparse
import pathlib
import shutil
import sys

from sphinx.cmd.build import main as sphinx

ROOT = pathlib.Path(__file__).parents[1]
BUILD = ROOT / "build" / "docs"
TREE = BUILD / "tree"


HEADER = """Scripts
=======

Each prints a number that a test holds.
"""


def make_tree() -> pathlib.Path:
    """Links to all that pages link to, and copies of the pages and the examples; returns the pages' folder."""
    shutil.rmtree(TREE, ignore_errors=True)
    (TREE / "scripts" / "examples").mkdir(parents=True)
    for folder, left_out in ((ROOT, {"scripts", "build"}), (ROOT / "scripts", {"docs", "examples"})):
        for entry in folder.iterdir():
            if entry.name not in left_out and not entry.name.startswith("."):
                (TREE / entry.relative_to(ROOT)).symlink_to(entry, target_is_directory=entry.is_dir())
    (TREE / "scripts" / "examples" / "GALLERY_HEADER.rst").write_text(HEADER, encoding="utf-8")
    for script in (ROOT / "scripts" / "examples").glob("*.py"):
        titled = f'"""{script.stem}\n{"=" * len(script.stem)}\n\n'  # as sphinx-gallery wants one
        source = script.read_text(encoding="utf-8").replace('"""', titled, 1)
        (TREE / "scripts" / "examples" / script.name).write_text(source, encoding="utf-8")
    pages = TREE / "scripts" / "docs"
    shutil.copytree(ROOT / "scripts" / "docs", pages)
    return pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", action="store_true", help="run scripts/examples")
    arguments = parser.parse_args()
    pages = make_tree()
    settings = ["-D", f"plot_gallery={int(arguments.examples)}"]
    code = sphinx(
        ["-W", "--keep-going", "-n", "-q", *settings, "-d", str(BUILD / "cache"), str(pages), str(BUILD / "html")]
    )
    if code == 0:
        print(f"built {BUILD / 'html' / 'index.html'}")
    sys.exit(code)


if __name__ == "__main__":
    main()
