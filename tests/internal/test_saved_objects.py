"""Solutions as NPZ files: everything comes back bit for bit, bad files are errors, a failed write harms nothing."""

import functools
import json
import sys
import types
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import saved_objects
from meshfree.internal.saved_objects import load_npz, save_npz

FAMILIES = {
    "gaussian": lambda: mf.Gaussian(0.37),
    "anisotropic": lambda: mf.Gaussian(np.array([0.1, 2.0])),
    "random": lambda: mf.Gaussian(key=jax.random.key(3)),
    "matern": lambda: mf.Matern(4.5, 0.37),
    "wendland": lambda: mf.Wendland(4, 2, 1.5),
    "multiquadric": lambda: mf.Multiquadric(0.37),
    "inverse multiquadric": lambda: mf.InverseMultiquadric(0.37),
    "inverse quadratic": lambda: mf.InverseQuadratic(0.37),
    "rational quadratic": lambda: mf.RationalQuadratic(1.3, 0.37),
    "polyharmonic": lambda: mf.Polyharmonic(5),
    "sum": lambda: mf.Gaussian(0.3) + 0.1 * mf.Matern(3.5, 0.7),
    "product": lambda: mf.Gaussian(0.5) * (mf.Matern(2.5, 0.7) + mf.Gaussian(jnp.array(0.9))),
}

SHAPES = {
    "interval": lambda: mf.Interval(-1.0, 2.5),
    "box": lambda: mf.Box((0, 0), (1, 2)),
    "ball": lambda: mf.Ball(),
    "union": lambda: mf.Box() | mf.Disk((1.0, 0.5), 0.3, name="bump"),
    "intersection": lambda: mf.Disk() & mf.Box((0.0, -1.0), (1.0, 1.0)),
    "nested": lambda: (mf.Box() - mf.Disk((0.5, 0.5), 0.2, name="hole")) - mf.Box((0.8, 0.8), (1.5, 1.5)),
}


class Dotted(mf.Kernel):
    """A kernel of the user's own: (x·y + shift)^power."""

    shift: float
    power: int = eqx.field(static=True)

    @property
    def smoothness(self) -> float:
        return np.inf

    def eval(self, x, y):
        return (jnp.dot(x, y) + self.shift) ** self.power


class Anything(mf.Kernel):
    """A holder of any value."""

    value: object

    @property
    def smoothness(self) -> float:
        return 0

    def eval(self, x, y):
        return jnp.zeros(())


def solution(space, fields=()):
    """A solution with random coefficients: what is in it matters here, not how it was found."""
    c = jax.random.normal(jax.random.key(0), (space.size, *fields))
    return mf.Solution(space, c, {"unknowns": space.size, "residual": {"interior": 1e-300}, "seconds": np.nan})


@functools.cache
def small_cloud(domain=None):
    domain = mf.Box() if domain is None else domain
    lower, upper = domain.bounds
    return domain.cloud(float(np.max(upper - lower)) / 4)


def assert_same(a, b):
    """The same types, static fields and bits in the same places."""
    leaves_a, tree_a = jax.tree.flatten(a)
    leaves_b, tree_b = jax.tree.flatten(b)
    assert tree_a == tree_b
    for x, y in zip(leaves_a, leaves_b, strict=True):
        assert type(x) is type(y)
        assert repr(x) == repr(y)
        if eqx.is_array(x) or isinstance(x, np.ndarray | np.generic):
            assert x.dtype == y.dtype
            assert np.shape(x) == np.shape(y)
            assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def round_trip(u, tmp_path):
    u.save(tmp_path / "u.npz")
    return mf.Solution.load(tmp_path / "u.npz")


# --------------------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kernel_comes_back(family, tmp_path):
    u = solution(mf.Collocation(FAMILIES[family](), small_cloud(), degree=2))
    v = round_trip(u, tmp_path)
    assert_same(u, v)
    assert repr(v.space.kernel) == repr(u.space.kernel)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_domain_comes_back(shape, tmp_path):
    domain = SHAPES[shape]()
    save_npz(tmp_path / "cloud.npz", cloud := small_cloud(domain))
    loaded = load_npz(tmp_path / "cloud.npz", mf.Cloud).tree
    assert_same(cloud, loaded)
    assert loaded.domain == domain
    assert hash(loaded.domain) == hash(domain)
    assert np.array_equal(loaded.domain.sample(50), domain.sample(50))


@pytest.mark.parametrize("truncation", ["total", "hyperbolic"])
def test_an_eigenbasis_comes_back(truncation, tmp_path):
    space = mf.Eigenbasis(mf.Gaussian(0.8), small_cloud(), degree=4, truncation=truncation)
    assert_same(u := solution(space), round_trip(u, tmp_path))


def test_values_are_equal_to_the_last_bit(tmp_path):
    domain = SHAPES["nested"]()
    u = mf.interpolate(lambda x: jnp.sin(x[0]), mf.Collocation(FAMILIES["sum"](), small_cloud(domain)))
    v = round_trip(u, tmp_path)
    X = domain.sample(100)
    assert np.array_equal(u(X), v(X))
    assert np.array_equal(mf.laplacian(u)(X[0]), mf.laplacian(v)(X[0]))
    assert v.stats == u.stats


def test_several_fields_and_a_cloud_of_ones_own(tmp_path):
    cloud = mf.Cloud(interior=np.random.default_rng(0).random((20, 3)))
    assert_same(u := solution(mf.Collocation(mf.Matern(), cloud), fields=(2,)), round_trip(u, tmp_path))


def test_a_kernel_of_the_users_own_comes_back(tmp_path):
    u = solution(mf.Collocation(Dotted(0.1 + 0.2, power=3) + mf.Gaussian(), small_cloud()))
    assert_same(u, round_trip(u, tmp_path))


VALUES = {
    "containers": {"a": [1, (2.5, None)], "b.c": {"d": "é", "empty": ()}},
    "extremes": (-0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), 2**70, True),
    "dtypes": (np.float32(0.1), np.arange(3, dtype=np.int8), np.array([1 + 2j]), np.array([False]), np.nan),
    "orders": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(4, dtype=">f8"), np.zeros((0, 2))),
    "devices": (jnp.arange(3, dtype=jnp.float32), jnp.array(True), [jnp.float64(3)]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_every_type_come_back(kind, tmp_path):
    save_npz(tmp_path / "a.npz", Anything(VALUES[kind]))
    assert_same(Anything(VALUES[kind]), load_npz(tmp_path / "a.npz").tree)


def test_an_array_that_occurs_twice_is_kept_once(tmp_path):
    cloud = small_cloud()
    v = round_trip(solution(mf.Collocation(mf.Gaussian(), cloud)), tmp_path)
    assert v.space.centers is v.space.cloud.points
    both = (jnp.arange(3.0),) * 2
    save_npz(tmp_path / "a.npz", Anything(both))
    a, b = load_npz(tmp_path / "a.npz").tree.value
    assert a is b


def test_paths_that_clash_are_told_apart(tmp_path):
    tree = Anything({"a": {"b": np.arange(2)}, "a.b": np.arange(3)})
    save_npz(tmp_path / "a.npz", tree, **{"value.a.b": np.arange(4)})
    contents = load_npz(tmp_path / "a.npz")
    assert_same(tree, contents.tree)
    assert np.array_equal(contents.arrays["value.a.b"], np.arange(4))


def test_without_x64_nothing_is_cut_to_single_precision(tmp_path):
    u = solution(mf.Collocation(mf.Gaussian(jnp.array(0.3)), small_cloud()))
    u.save(tmp_path / "u.npz")
    jax.config.update("jax_enable_x64", False)
    try:
        v = mf.Solution.load(tmp_path / "u.npz")
    finally:
        jax.config.update("jax_enable_x64", True)
    assert v.coefficients.dtype == np.float64
    assert np.asarray(v.coefficients).tobytes() == np.asarray(u.coefficients).tobytes()


# ------------------------------------------------------------------------------------- what other programs read


def test_the_file_is_plain_arrays_and_json(tmp_path):
    u = solution(mf.Collocation(mf.Matern(3.5, 0.2), small_cloud()))
    u.save(tmp_path / "u.npz", spacing=0.2, steps=np.int64(3), nodes=tmp_path, scales=np.array([0.1, 0.2]))
    with np.load(tmp_path / "u.npz", allow_pickle=False) as file:
        assert np.array_equal(file["points"], u.space.cloud.points)
        assert np.array_equal(file["values"], u(u.space.cloud.points))
        assert np.array_equal(file["coefficients"], u.coefficients)
        assert file["space.kernel.raw_scale"] == u.space.kernel.raw_scale
        parameters, settings = json.loads(str(file["parameters"])), json.loads(str(file["settings"]))
    kernel = parameters["object"]["fields"]["space"]["fields"]["kernel"]
    assert kernel["class"] == "meshfree:Matern"
    assert kernel["fields"]["nu"] == 3.5
    assert settings == {"spacing": 0.2, "steps": 3, "nodes": str(tmp_path), "scales": [0.1, 0.2]}
    contents = load_npz(tmp_path / "u.npz", mf.Solution)
    assert contents.settings == settings
    assert sorted(contents.arrays) == ["points", "values"]


def test_equal_solutions_make_equal_files(tmp_path):
    u = solution(mf.Collocation(mf.Gaussian(), small_cloud()))
    for name in ("a.npz", "b.npz"):
        u.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


# ------------------------------------------------------------------------------------------------- failed writes


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(error, tmp_path, monkeypatch):
    u = solution(mf.Collocation(mf.Gaussian(), small_cloud()))
    u.save(tmp_path / "u.npz")
    before = (tmp_path / "u.npz").read_bytes()
    write_array = np.lib.format.write_array
    written = []

    def failing(file, array, **options):
        if len(written) == 3:
            raise error
        written.append(array)
        write_array(file, array, **options)

    monkeypatch.setattr(saved_objects.np.lib.format, "write_array", failing)
    with pytest.raises(type(error)):
        u.save(tmp_path / "u.npz")
    assert (tmp_path / "u.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["u.npz"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.npz").symlink_to(tmp_path / "folder" / "u.npz")
    solution(mf.Collocation(mf.Gaussian(), small_cloud())).save(tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "folder" / "u.npz").is_file()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("u.csv", ValueError, r"solutions are kept in \.npz files; got '.*u\.csv': rename the file"),
        ("u", ValueError, r"kept in \.npz files"),
        ("nowhere/u.npz", FileNotFoundError, r"there is no folder .*nowhere to write u\.npz in; create it"),
        ("folder.npz", IsADirectoryError, r"folder\.npz is a folder; give the name of a file in it"),
    ],
)
def test_paths_that_cannot_be_written(name, error, message, tmp_path):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(error, match=message):
        save_npz(tmp_path / name, mf.Gaussian())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (jnp.sin, r"value cannot be saved: .* is a .*\. A file holds arrays, numbers, strings"),
        ({1: 2}, r"value cannot be saved: \{1: 2\} is a dict"),
        ([{"a": 1j}], r"value\.0\.a cannot be saved: 1j is a complex"),
        (types.SimpleNamespace(), r"value cannot be saved: namespace\(\) is a SimpleNamespace"),
        (np.array([None]), r"value cannot be saved: it is an array of object; a file holds plain numbers"),
        (jax.random.key(0), r"value cannot be saved: it is an array of key<fry>"),
        (jnp.zeros(2, jnp.bfloat16), r"value cannot be saved: it is an array of bfloat16"),
    ],
)
def test_values_that_cannot_be_saved(value, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save_npz(tmp_path / "a.npz", Anything(value))
    assert not list(tmp_path.iterdir())


def test_a_traced_array_cannot_be_saved(tmp_path):
    with pytest.raises(TypeError, match=r"raw_scale cannot be saved: it is being traced by JAX"):
        jax.jit(lambda kernel: save_npz(tmp_path / "a.npz", kernel))(mf.Gaussian())


def test_a_class_in_a_function_cannot_be_saved(tmp_path):
    class Local(Dotted):
        pass

    with pytest.raises(TypeError, match=r"left cannot be saved: its class .*Local must stand at the top level"):
        save_npz(tmp_path / "a.npz", Local(1.0, 2) + mf.Gaussian())


def test_arrays_named_as_the_texts(tmp_path):
    with pytest.raises(ValueError, match=r"an array cannot be named parameters: the file has a text of that name"):
        save_npz(tmp_path / "a.npz", mf.Gaussian(), parameters=np.zeros(2))


# ------------------------------------------------------------------------------------------------------ bad files


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "k.npz"
    save_npz(path, Dotted(1.0, 2) + mf.Gaussian(0.3))
    return path


def rewrite(path, **changes):
    """The file with some of its arrays changed, or left out (None)."""
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def rewrite_description(path, change):
    with np.load(path) as file:
        description = json.loads(str(file["parameters"]))
    change(description)
    rewrite(path, parameters=json.dumps(description))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.npz \(looked in "):
        mf.Solution.load(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00"])
def test_not_an_npz_file(content, tmp_path):
    (tmp_path / "u.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"u\.npz is not an NPZ file of plain arrays, or is damaged"):
        mf.Solution.load(tmp_path / "u.npz")


def test_a_single_array(tmp_path):
    with (tmp_path / "u.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"u\.npz is not an NPZ file"):
        mf.Solution.load(tmp_path / "u.npz")


def test_pickled_objects_are_not_read(tmp_path):
    np.savez(tmp_path / "u.npz", parameters=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"is not an NPZ file of plain arrays, or is damaged: .*pickle"):
        mf.Solution.load(tmp_path / "u.npz")


def test_a_damaged_byte(saved):
    content = bytearray(saved.read_bytes())
    content[content.index("Dotted".encode("utf-32-le"))] ^= 1
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged: Bad CRC-32"):
        load_npz(saved)


def test_a_file_of_another_program(tmp_path):
    np.savez(tmp_path / "u.npz", x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(ValueError, match=r"u\.npz was not written by meshfree: no texts .* in x, y"):
        mf.Solution.load(tmp_path / "u.npz")


@pytest.mark.parametrize("text", [np.zeros(3), "no JSON", "[1]"])
def test_parameters_of_another_program(text, saved):
    rewrite(saved, parameters=text)
    with pytest.raises(ValueError, match=r"was not written by meshfree: a text in it is no JSON object"):
        load_npz(saved)


def test_a_newer_format(saved):
    rewrite_description(saved, lambda d: d.update(meshfree=2))
    with pytest.raises(ValueError, match=r"has format 2, and this meshfree reads 1: install a newer meshfree"):
        load_npz(saved)


def test_an_object_of_another_class(saved):
    with pytest.raises(ValueError, match=r"k\.npz holds a Sum, not a Solution"):
        mf.Solution.load(saved)


def test_a_class_that_this_program_does_not_have(saved, monkeypatch):
    monkeypatch.delattr(sys.modules[__name__], "Dotted")
    with pytest.raises(
        ValueError, match=r"k\.npz cannot be read: it holds a Dotted, a class of '.*test_saved_objects'"
    ):
        load_npz(saved)


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "builtins:dict",
        "types:SimpleNamespace",
        "meshfree:Kernel",
        "meshfree.internal.saved_objects:np",
        "meshfree:solve",
    ],
)
def test_classes_that_meshfree_does_not_write(name, saved):
    rewrite_description(saved, lambda d: d.update(object={"class": name, "fields": {}}))
    with pytest.raises(ValueError, match=f"it names {name}, which is not a class that meshfree writes"):
        load_npz(saved)


def test_other_fields_than_the_class_has(saved):
    rewrite_description(saved, lambda d: d["object"]["fields"]["left"]["fields"].pop("shift"))
    with pytest.raises(ValueError, match=r"Dotted has the fields power, shift, and the file has power: .* version"):
        load_npz(saved)


def rewrite_fields(path, change):
    rewrite_description(path, lambda d: change(d["object"]["fields"]))


WRONG = {
    "another class": (lambda f: f.update(space=f["space"]["fields"]["kernel"]), "field space of a Solution is .*Space"),
    "no array": (lambda f: f.update(coefficients="abc"), "field coefficients of a Solution is str 'abc'; expected "),
    "another array": (
        lambda f: f.update(coefficients=f["space"]["fields"]["cloud"]["fields"]["points"]),
        r"u\(x\) has the shape|coefficients have|shape",
    ),
    "stats": (lambda f: f.update(stats=3), "field stats of a Solution is int 3"),
    "degree": (lambda f: f["space"]["fields"].update(degree="two"), "field degree of a Collocation is str 'two'"),
    "list": (lambda f: f["space"]["fields"].update(degree=[1]), "the description is damaged at"),
    "domain": (
        lambda f: f["space"]["fields"]["cloud"]["fields"]["domain"]["fields"].update(lower="abc"),
        "Box needs",
    ),
    "counts": (
        lambda f: f["space"]["fields"]["cloud"]["fields"].update(counts={"tuple": [{"tuple": ["interior", 3]}]}),
        "a cloud has the parts",
    ),
    "static": (
        lambda f: f["space"]["fields"]["cloud"]["fields"].update(counts=None),
        "field counts of a Cloud is None",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_fields_that_are_not_what_the_class_has(kind, tmp_path):
    change, message = WRONG[kind]
    path = tmp_path / "u.npz"
    solution(mf.Collocation(mf.Gaussian(), small_cloud(), degree=1)).save(path)
    rewrite_fields(path, change)
    with pytest.raises(ValueError, match=rf"u\.npz cannot be read: .*({message})"):
        mf.Solution.load(path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("coefficients", np.zeros(5), r"coefficients have the shape \(5,\), and the space"),
        ("coefficients", np.zeros(()), "field coefficients of a Solution is an array of float64 of shape"),
        ("coefficients", np.array(["a"]), "the array 'coefficients' is of <U1; expected numbers"),
        ("space.cloud.normal_vectors", np.zeros((3, 2)), r"normals of shape \(3, 2\); expected"),
        ("space.cloud.normal_vectors", np.zeros((3, 2), int), "field normal_vectors of a Cloud is an array of int64"),
        ("space.cloud.points", np.full((3, 2), np.nan), "a cloud has the parts"),
        ("space.kernel.raw_scale", np.zeros(7), "7 scales and the points 2 coordinates"),
    ],
)
def test_arrays_that_are_not_what_the_class_has(name, array, message, tmp_path):
    path = tmp_path / "u.npz"
    solution(mf.Collocation(mf.Gaussian(), small_cloud(), degree=1)).save(path)
    rewrite(path, **{name: array})
    with pytest.raises(ValueError, match=rf"(?s)u\.npz cannot be read: .*{message}"):
        mf.Solution.load(path)


def test_a_missing_array(saved):
    rewrite(saved, **{"right.raw_scale": None})
    with pytest.raises(ValueError, match=r"the array 'right\.raw_scale' is missing; there are: none"):
        load_npz(saved)


def test_a_damaged_description(saved):
    rewrite_description(saved, lambda d: d["object"].pop("class"))
    with pytest.raises(ValueError, match=r"the description is damaged at \{\"fields\": "):
        load_npz(saved)


def test_a_file_from_before_the_rooms():
    """Its classes stood in meshfree.regions and meshfree.motions; the program that wrote it had these values."""
    u = mf.Solution.load(Path(__file__).with_name("solution_before_rooms.npz"))
    assert isinstance(u.space.cloud.domain, mf.geometry.Difference)
    assert isinstance(u.space.cloud.domain.left, mf.geometry.Moved)
    X = np.asarray(u.space.cloud.points)[:3] + 0.01
    np.testing.assert_allclose(u(X), [3.9641781488655696, -0.39998108966950163, -4.739123397144434], rtol=1e-12)


def test_a_tail_from_before_its_units(tmp_path):
    """Files of earlier versions hold no `tail`: their coefficients are those of monomials in x itself."""
    path, cloud = tmp_path / "u.npz", mf.Cloud(interior=5 + np.random.default_rng(0).random((8, 2)))
    solution(space := mf.Collocation(mf.Gaussian(), cloud, degree=1)).save(path)
    rewrite_description(path, lambda d: d["object"]["fields"]["space"]["fields"].pop("tail"))
    rewrite(path, **{f"space.tail.{name}": None for name in ("origin", "extent", "height")})
    u, x = mf.Solution.load(path), np.array([5.3, 5.9])
    translates = space.kernel(x[None], cloud.points)[0]
    expected = np.concatenate([translates, [1.0, x[1], x[0]]]) @ u.coefficients
    np.testing.assert_allclose(u(x), expected, rtol=1e-13)
