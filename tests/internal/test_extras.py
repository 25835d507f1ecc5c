"""Optional packages are asked for by name."""

import sys

import pytest

from meshfree.internal.extras import EXTRAS, needed_for, require


def test_a_package_that_is_there_is_imported():
    assert require("meshio.vtk", "reading .vtk files").__name__ == "meshio.vtk"


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_package_names_itself_its_purpose_and_its_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # so importing it fails
    message = rf"^a test needs the package {package}: pip install 'meshfree\[{EXTRAS[package]}\]', or do without$"
    with pytest.raises(ImportError, match=message) as caught:
        require(package, "a test", "do without")
    assert caught.value.name == package


def test_packages_that_are_imported_late_are_named_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with (
        pytest.raises(ImportError, match=r"reading needs the package h5py: pip install 'meshfree\[geometry\]'$"),
        needed_for("reading", "geometry"),
    ):
        import h5py  # noqa: F401
