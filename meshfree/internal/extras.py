"""Optional packages: imported when they are first needed, and asked for by name where they are missing."""

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType

# package -> the extra of `pip install 'meshfree[...]'` that installs it
EXTRAS = {
    "h5py": "geometry",
    "meshio": "geometry",
    "mpi4py": "petsc",
    "petsc4py": "petsc",
    "pyamg": "fast",
    "pypardiso": "mkl",
    "rslab": "fast",
    "trimesh": "geometry",
}


def require(module: str, purpose: str, otherwise: str = "") -> ModuleType:
    """The module of an optional package, `meshio.vtk` too; ImportError as `needed_for` where it is missing."""
    with needed_for(purpose, EXTRAS[module.partition(".")[0]], otherwise):
        return importlib.import_module(module)


@contextlib.contextmanager
def needed_for(purpose: str, extra: str, otherwise: str = "") -> Iterator[None]:
    """Turn an ImportError inside into one that names the package, the purpose ("a .stl file") and the extra.

    `otherwise`: what to do without the package, as the rest of a sentence.
    """
    try:
        yield
    except ImportError as error:
        message = f"{purpose} needs the package {error.name or error}: pip install 'meshfree[{extra}]'"
        raise ImportError(f"{message}, or {otherwise}" if otherwise else message, name=error.name) from error
