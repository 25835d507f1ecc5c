"""The pages of Start as notebooks beside them, in pairs of jupytext; needs the extra `docs`.

    python scripts/notebooks.py        writes scripts/docs/start/*.ipynb from the pages
    python scripts/notebooks.py --run  runs them from top to bottom, and keeps what they show in build/docs/notebooks

`jupytext --sync scripts/docs/start/own_shape.ipynb` brings the other one up to date where a notebook was edited.
"""

import pathlib
import sys
import tempfile
import time

import jupytext
import nbclient
import nbformat
from jupyter_client import AsyncKernelManager

ROOT = pathlib.Path(__file__).parents[1]
START = ROOT / "scripts" / "docs" / "start"
SHOWN = ROOT / "build" / "docs" / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(page: pathlib.Path) -> nbformat.NotebookNode:
    made = jupytext.read(page, fmt="md")
    made.metadata = nbformat.NotebookNode(kernelspec=KERNEL)
    for number, cell in enumerate(made.cells):
        cell.metadata, cell.id = nbformat.NotebookNode(), f"{page.stem}-{number}"
    return made


def run(path: pathlib.Path) -> float:
    """Seconds; a cell that fails raises nbclient's CellExecutionError, with the traceback."""
    began = time.perf_counter()
    read = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncKernelManager(
            kernel_name=KERNEL["name"], transport="ipc", ip=str(pathlib.Path(folder) / "kernel")
        )
        nbclient.NotebookClient(read, km=manager, timeout=300, resources={"metadata": {"path": folder}}).execute()
    SHOWN.mkdir(parents=True, exist_ok=True)
    nbformat.write(read, SHOWN / path.name)
    return time.perf_counter() - began


def main() -> None:
    pages = [page for page in sorted(START.glob("*.md")) if page.stem != "index"]
    for page in pages:
        path = page.with_suffix(".ipynb")
        if "--run" in sys.argv:
            print(f"{path.name}: {run(path):.1f} s", flush=True)
        else:
            nbformat.write(notebook(page), path)


if __name__ == "__main__":
    main()
