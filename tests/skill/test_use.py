"""Reading a skill's files, and placebos."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.skill import Skill, SkillFileError, placebo, placebos, read_file
from harness.skill.load import load_skill


def made(name, body="text", description="d"):
    return Skill(name=name, description=description, body=body, folder=Path(name))


@pytest.fixture
def skill(tmp_path):
    folder = tmp_path / "lib" / "s"
    (folder / "references").mkdir(parents=True)
    (tmp_path / "lib" / "secret.txt").write_text("secret")
    (folder / "SKILL.md").write_text("---\nname: s\ndescription: d\n---\nBody.")
    (folder / "references" / "rules.md").write_text("\ufeffRules: é\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "big.txt").write_text("é" * 150_000)
    (folder / "odd.txt").write_text("x" + "é" * 150_000)
    (folder / "link.txt").symlink_to(tmp_path / "lib" / "secret.txt")
    return load_skill(folder)


@pytest.mark.parametrize("path", ["references/rules.md", "./references/rules.md", " references//rules.md "])
def test_a_file_is_read(skill, path):
    assert read_file(skill, path) == "Rules: é\n"


def test_the_skill_itself_is_its_body(skill):
    assert read_file(skill, "SKILL.md") == "Body."
    assert read_file(placebo(skill, []), "SKILL.md").startswith("#")  # not what stands on disk


@pytest.mark.parametrize(("path", "kept"), [("big.txt", "é" * 100_000), ("odd.txt", "x" + "é" * 99_999)])
def test_a_large_file_is_cut_between_signs_and_says_so(skill, path, kept):
    size = len((skill.folder / path).read_bytes())
    assert read_file(skill, path) == f"{kept}\n[cut here: the first 200,000 of {size:,} bytes]"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../secret.txt", "is not a path inside the skill s"),
        ("references/../../secret.txt", "is not a path inside the skill s"),
        ("/etc/passwd", "is not a path inside the skill s"),
        ("..\\secret.txt", "is not a path inside the skill s"),
        ("a\0b", "is not a path inside the skill s"),
        ("link.txt", "the skill s has no file 'link.txt'"),
        ("references", "the skill s has no file 'references'"),
        ("", "the skill s has no file '.'"),
        ("references/rule.md", "did you mean 'references/rules.md'?"),
        ("picture.png", "is not a text"),
        ("latin.txt", "is not a text"),
    ],
)
def test_what_cannot_be_read_is_said_in_words_for_the_model(skill, tmp_path, path, said):
    with pytest.raises(SkillFileError) as error:
        read_file(skill, path)
    assert said in str(error.value)
    assert str(tmp_path) not in str(error.value)
    assert "secret" not in str(error.value).replace(repr(path), "")


def test_a_file_or_folder_that_became_a_link_after_loading_is_refused(skill, tmp_path):
    for path, target in [("big.txt", "secret.txt"), ("references", "")]:
        place = skill.folder / path
        place.rename(tmp_path / path)
        place.symlink_to(tmp_path / "lib" / target)
    for path in ["big.txt", "references/rules.md"]:
        with pytest.raises(SkillFileError, match="cannot be read"):
            read_file(skill, path)


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "/", "secret.txt", "s"])).map("/".join))
def test_no_path_reads_anything_outside(path):
    listed = Skill(name="s", description="d", body="Body.", folder=Path(__file__).parent, files=("conftest.py",))
    with suppress(SkillFileError):
        assert read_file(listed, path) in {"Body.", (Path(__file__).parent / "conftest.py").read_text()}


def test_a_placebo_is_the_sibling_nearest_in_length():
    library = [made("me", "w " * 10), made("c", "x y " * 6), made("b", "z " * 8), made("far", "q " * 100)]
    mine = placebo(library[0], library)
    assert (mine.name, mine.description, mine.body.split()) == ("b", "d", ["z"] * 10)
    assert placebo(library[0], [s for s in library if s.name != "b"]).body.split() == ["x", "y"] * 5
    assert mine.files == ()
    assert mine.digest not in {s.digest for s in library}


def test_no_placebo_of_several_skills_is_one_of_them_and_none_comes_twice():
    """A skill in the place of its companion would still tell what is asked."""
    mine = [made("a", "w " * 10), made("b", "x " * 10), made("c", "y " * 10), made("d", "z " * 10)]
    library = [*mine, made("e", "q " * 40)]
    found = placebos(mine, lambda _: library)
    assert [one.name for one in found] == ["e", "pond-keeping", "pond-keeping-3", "pond-keeping-4"]
    assert [len(one.body.split()) for one in found] == [10] * 4


def test_without_a_sibling_the_text_is_about_ponds():
    alone = made("me", "w " * 500)
    for library in ([], [alone], [alone, made("empty", "  ")]):
        mine = placebo(alone, library)
        assert "pond" in mine.body
        assert len(mine.body.split()) == 500


@given(st.text(alphabet="ab \n", max_size=80), st.text(alphabet="cd \n", max_size=80))
def test_a_placebo_has_as_many_words_and_none_of_the_skills(mine, others):
    skill = made("me", mine)
    given_instead = placebo(skill, [skill, made("other", others)])
    assert len(given_instead.body.split()) == len(mine.split())
    if others.strip():
        assert set(given_instead.body) <= set(others) | {"\n"}
    assert placebo(skill, [skill, made("other", others)]) == given_instead
    assert placebo(replace(skill, body=mine + " ab"), [made("other", "c")]).digest != given_instead.digest
