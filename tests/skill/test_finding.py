"""Searching a library, and what of it is kept in the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import UserFileError
from harness.skill import find_skills, finding, load_library, rank_skills, unsearched


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ownbench" / "skills"


def write(library, name, description, body="Body."):
    (library / name).mkdir(parents=True, exist_ok=True)
    (library / name / "SKILL.md").write_text(f"---\nname: {name}\ndescription: {description}\n---\n{body}\n")


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    write(folder, "tickets", "Use when a support ticket must be routed.", "Queues of repairs and network.")
    write(folder, "claims", "Use when an insurance claim is checked.", "A ticket is mentioned once.")
    write(folder, "ponds", "Use when a pond is kept.", "Reeds and algae.")
    return folder


def names(library, query, k=5):
    return [hit.name for hit in find_skills(library, query, k)]


def test_name_and_description_count_for_more_than_the_body(library, cache):
    assert names(library, "routing tickets") == ["tickets", "claims"]
    assert names(library, "Which algae?") == ["ponds"]
    assert names(library, "routing tickets", 1) == ["tickets"]
    assert names(library, "zebra") == []
    hit = find_skills(library, "algae", 1)[0]
    assert hit.path == library / "ponds"
    assert hit.score == pytest.approx(rank_skills(load_library(library)).scores("algae")[1])


def test_the_second_search_reads_no_skill(library, cache, monkeypatch):
    before = find_skills(library, "ticket", 5)
    monkeypatch.setattr(finding, "_made", lambda *_: pytest.fail("the library is read again"))
    assert find_skills(library, "ticket", 5) == before
    assert not [path for path in library.rglob("*") if path.name != "SKILL.md" and path.is_file()]


def test_a_change_is_seen(library, cache):
    assert names(library, "zebra") == []
    write(library, "ponds", "Use when a zebra is kept.")
    assert names(library, "zebra") == ["ponds"]
    write(library, "stripes", "Use when a zebra is kept.")
    assert names(library, "zebra") == ["ponds", "stripes"]
    (library / "stripes" / "SKILL.md").unlink()
    assert names(library, "zebra") == ["ponds"]


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 100, b"\xff" * 5_000])
def test_a_damaged_cache_is_no_cache(library, cache, damage):
    before = find_skills(library, "ticket", 5)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for data in (damage, whole[:-3], whole[:40] + b"?" + whole[41:], whole[:-9] + b"?" + whole[-8:]):
        kept.write_bytes(data)
        assert find_skills(library, "ticket", 5) == before
        assert kept.read_bytes() == whole  # made anew


def test_without_a_place_for_a_cache_nothing_is_kept(library, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert names(library, "algae") == names(library, "algae") == ["ponds"]


def test_the_cache_holds_so_many_libraries(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(finding, "MOST_KEPT", 2)
    for number in range(4):
        write(tmp_path / str(number), "one", "Use for zebras.")
        assert names(tmp_path / str(number), "zebra") == ["one"]
    assert len(list(cache.iterdir())) == 2


def test_one_skill_is_searched_too(library, cache):
    assert names(library / "ponds", "algae") == ["ponds"]
    assert not cache.exists()


def test_no_library(tmp_path, cache):
    with pytest.raises(UserFileError, match="no such folder"):
        find_skills(tmp_path / "absent", "x", 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserFileError, match="no skill in it can be used"):
        find_skills(tmp_path / "empty", "x", 1)


def test_the_second_search_loads_nothing_of_weight(library, cache):
    code = f"""
import sys
from harness.cli import main
assert main(["skill", "search", {str(library)!r}, "ticket"]) == 0
heavy = {{"numpy", "yaml", "bm25s", "scipy", "tempfile", "harness.core.records", "harness.skill.load"}}
print(sorted(heavy & set(sys.modules)))
"""
    find_skills(library, "ticket", 1)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines()[-1] == "[]"


def test_folders_that_give_no_skill_are_named(library, cache):
    assert unsearched(library) == []
    (library / "broken").mkdir()
    (library / "broken" / "SKILL.md").write_text("---\nname: broken\n---\n")
    assert unsearched(library) == ["broken"]
