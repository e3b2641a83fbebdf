"""Plug-ins by name: a folder's files and installed packages."""

import sys
import textwrap

import pytest

from harness.core import Registry, UsageError


class Toy:
    def __init__(self, name):
        self.name = name


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A package ``toys`` with two plug-ins, on the path and out of the working folder."""
    site = tmp_path / "site"
    work = tmp_path / "work"
    work.mkdir()
    (site / "toys").mkdir(parents=True)
    (site / "toys" / "__init__.py").write_text("")
    write = "from types import SimpleNamespace as Toy\nTOY = Toy(name={name!r}, toy=True)\nOTHER = 3\n"
    for name in ("ball", "drum"):
        (site / "toys" / f"{name}.py").write_text(write.format(name=name))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(work)
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] in {"toys", "made", "other"}]:
        del sys.modules[name]


def toys(group=""):
    return Registry("toy", "toys", lambda value: getattr(value, "toy", False), group=group)


def install(place, package, points, code=""):
    place.mkdir(exist_ok=True)
    (place / f"{package}.py").write_text(textwrap.dedent(code))
    info = place / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ownbench.toys]\n" + "\n".join(points))


MADE = """
    from types import SimpleNamespace as Toy
    kite = Toy(name="kite", toy=True)
    drum = Toy(name="drum", toy=True)
    wrong = Toy(name="right", toy=True)
"""


def test_a_folders_files_are_found_by_the_names_that_they_give_themselves(home):
    found = toys()
    assert "toys" not in sys.modules
    assert list(found) == ["ball", "drum"]
    assert found["drum"].name == "drum"
    assert found.refusal("drum") is None
    assert found.refusal("drumm") == "unknown toy 'drumm'; did you mean 'drum'?"
    with pytest.raises(KeyError):
        found["os.system"]


def test_an_installed_package_adds_one(home):
    install(home, "made", ["kite = made:kite"], MADE)
    found = toys("ownbench.toys")
    assert list(found) == ["ball", "drum", "kite"]
    assert not found.problems


def test_a_name_taken_twice_is_refused_by_both_packages_names(home):
    install(home, "made", ["kite = made:kite", "drum = made:drum"], MADE)
    install(home, "other", ["kite = other:kite"], MADE)
    found = toys("ownbench.toys")
    assert list(found) == ["ball"]
    assert found.refusal("drum") == "the toy 'drum' is offered by two packages, ownbench and made; uninstall one"
    assert {"made", "other"} <= set(found.refusal("kite").replace(",", "").replace(";", "").split())
    with pytest.raises(UsageError, match="two packages"):
        found["drum"]


def test_a_broken_one_is_one_line_and_stops_no_other(home):
    points = ["kite = made:kite", "gone = nowhere:gone", "wrong = made:wrong", "none = made:none"]
    install(home, "made", points, MADE)
    found = toys("ownbench.toys")
    assert list(found) == ["ball", "drum", "kite"]
    assert "the package made" in found.refusal("gone")
    assert "No module named 'nowhere'" in found.refusal("gone")
    assert "no toy of that name" in found.refusal("wrong")
    assert all("\n" not in line for line in found.problems.values())


def test_the_working_folder_offers_nothing(home, monkeypatch):
    work = home.parent / "work"
    install(work, "made", ["kite = made:kite"], "raise SystemExit('a stranger ran code')")
    monkeypatch.syspath_prepend(str(work))
    monkeypatch.syspath_prepend("")
    assert list(toys("ownbench.toys")) == ["ball", "drum"]
