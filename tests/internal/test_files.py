"""A file is replaced when the new one is whole and on the disk, and not before; NPZ files of plain arrays."""

import errno
import os
import socket
import stat
import threading
import zipfile

import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import files
from meshfree.internal.files import check_target, read_arrays, replaced, write_arrays


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replaced(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), replaced(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    flushed = []
    fsync = os.fsync

    def noted(number):
        flushed.append((os.fstat(number).st_size, path.read_text()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    with replaced(path) as temporary:
        temporary.write_text("newer")
    assert flushed == [(5, "old")]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with replaced(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_the_same_arrays_make_the_same_bytes(tmp_path):
    """Under any name, those that np.savez takes for itself too."""
    arrays = {"file": np.arange(3), "a b/ü": np.eye(2), "x": np.array("text")}
    for name in ("one", "two"):
        write_arrays(tmp_path / f"{name}.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found = read_arrays(tmp_path / "one.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


# ------------------------------------------------------------------------- what a save may replace, and what it keeps


def made_special(path, kind):
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        os.mkfifo(path.with_name("pipe"))
        path.symlink_to(path.with_name("pipe"))
    return path.stat().st_mode


@pytest.mark.parametrize("kind", ["FIFO", "folder", "socket", "link to a FIFO"])
def test_replaces_special_file(tmp_path, kind):
    """It is refused by name, before any work, and stays what it was."""
    path = tmp_path / "a.npz"
    mode = made_special(path, kind)
    with pytest.raises(OSError, match=rf"a\.npz is a {kind[-6:].split()[-1]}.*; give the name of a file"):
        mf.Cloud(interior=np.eye(2)).save(path)
    with pytest.raises(OSError, match=r"a\.npz is a"):
        check_target(path)
    assert path.stat().st_mode == mode
    assert not list(tmp_path.glob(".*"))


def test_pictures_replace_no_special_file_either(tmp_path):
    path = tmp_path / "a.png"
    os.mkfifo(path)
    with pytest.raises(FileExistsError, match=r"a\.png is a FIFO"):
        mf.plot_cloud(mf.Cloud(interior=np.eye(2)), path=path)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_threads_save(tmp_path):
    """Threads that save to one path: every one ends well, and the last file is whole."""
    cloud = mf.Cloud(interior=np.random.default_rng(0).random((500, 2)))
    errors = []

    def save():
        try:
            for _ in range(25):
                cloud.save(tmp_path / "a.npz")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
    np.testing.assert_array_equal(mf.Cloud.load(tmp_path / "a.npz").points, cloud.points)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755, 0o444])
def test_mode_lost(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    if not os.access(path, os.W_OK):
        pytest.skip("only root writes to it")
    with replaced(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600  # nobody else reads it meanwhile
        temporary.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with replaced(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_other_hard_links_keep_the_old_content_and_that_is_said(tmp_path):
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("old")
    os.link(path, other)
    with pytest.warns(UserWarning, match=r"a\.txt has 2 names \(hard links\)"), replaced(path) as temporary:
        temporary.write_text("new")
    assert (path.read_text(), other.read_text()) == ("new", "old")


def test_a_temporary_that_is_written_to_is_nobody_elses(tmp_path):
    path = tmp_path / "a.txt"
    with replaced(path) as outer:
        outer.write_text("outer")
        with replaced(path) as inner:
            assert inner != outer
            inner.write_text("inner")
        assert outer.read_text() == "outer"
        assert path.read_text() == "inner"
    assert path.read_text() == "outer"


def test_what_a_killed_program_left_is_removed_by_the_next_save(tmp_path):
    (tmp_path / ".a.txt.123-456-0123456789abcdef.tmp").touch()  # as of one that was killed
    (tmp_path / ".a.txt.mine.tmp").touch()
    with replaced(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".a.txt.mine.tmp", "a.txt"]


@pytest.mark.parametrize("named", [None, "temporary"])
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, named):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match=r"No space left on device.*a\.txt") as raised, replaced(path) as temporary:
        raise OSError(errno.ENOSPC, "No space left on device", *([temporary] if named else []))
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_is_left_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, replaced(tmp_path / "a.txt"):
        (tmp_path / "font.ttf").read_bytes()
    assert os.fspath(raised.value.filename) == str(tmp_path / "font.ttf")


def test_names_as_long_as_they_may_be(tmp_path):
    path = tmp_path / ("ü" * 120 + ".npz")
    write_arrays(path, {"x": np.arange(3)})
    assert list(read_arrays(path)) == ["x"]


# ----------------------------------------------------------------------------- sizes are known before memory is taken


def write_member(path, header, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive, archive.open("x.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(entry, header)
        entry.write(content)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    write_member(tmp_path / "a.npz", {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2)}, bytes(64))
    with pytest.raises(ValueError, match=r"a\.npz .* x is said to be float64 of shape \(1099511627776, 2\)"):
        read_arrays(tmp_path / "a.npz")


def test_a_small_file_that_unpacks_to_much(tmp_path):
    count = 2**24
    header = {"descr": "<f8", "fortran_order": False, "shape": (count,)}
    write_member(tmp_path / "a.npz", header, bytes(8 * count), zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"a\.npz .* unpack to 0\.125 GiB, more than 100 times as much"):
        read_arrays(tmp_path / "a.npz")


def test_more_than_the_memory_that_is_free(tmp_path, monkeypatch):
    write_arrays(tmp_path / "a.npz", {"x": np.arange(100.0)})
    monkeypatch.setattr(files, "available", lambda: 500.0)
    with pytest.raises(MemoryError, match=r"a\.npz needs more memory than there is"):
        read_arrays(tmp_path / "a.npz")


def test_compressed_files_are_read(tmp_path):
    X = np.random.default_rng(0).random((100, 2))
    np.savez_compressed(tmp_path / "a.npz", x=X, y=np.asfortranarray(X))
    for found in read_arrays(tmp_path / "a.npz").values():
        np.testing.assert_array_equal(found, X)
