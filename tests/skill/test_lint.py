"""The lint agrees with the reference validator, and warns of more."""

import random
from pathlib import Path

import pytest
import skills_ref
from random_skills import random_skill

from harness.core import UserFileError
from harness.skill.load import lint_library, lint_skill, load_skill


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def skill(folder, body="Text.", **fields):
    fields = {"name": folder.name, "description": "Use when a thing is due."} | fields
    return write(folder, "---\n" + "".join(f"{k}: {v}\n" for k, v in fields.items()) + f"---\n{body}\n")


def reference_says(folder) -> bool:
    """Whether the reference validator calls it valid; it does not catch every error that a file can hold."""
    try:
        return skills_ref.validate(folder) == []
    except (ValueError, TypeError, AttributeError, OSError):
        return False


def test_agrees_with_the_reference_validator_on_random_folders(tmp_path):
    chance = random.Random(7)
    judged = []
    for number in range(400):
        folder = tmp_path / f"skill-{number}"
        text = random_skill(chance, folder.name)
        write(folder, text)
        judged.append(reference_says(folder))
        assert lint_skill(folder).valid == judged[-1], text
    assert 100 < sum(judged) < 300  # both sides are tried


@pytest.mark.parametrize(
    "name", ["a", "a-b", "a--b", "-a", "a-", "A", "ab_c", "é", "ß", "ﬁ", "x" * 64, "x" * 65, "1", "٣", "a.b"]
)
def test_agrees_on_names(tmp_path, name):
    assert lint_skill(skill(tmp_path / name)).valid == reference_says(tmp_path / name)
    assert lint_skill(skill(tmp_path / "other", name=name)).valid == reference_says(tmp_path / "other") is False


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", b"", b"---", b"------", b"---\n- a\n---\n", b"---\n\0\n---\n", b"\xef\xbb\xbf---\nname: s\n---"],
)
def test_agrees_on_files_that_are_no_skill(tmp_path, text):
    folder = write(tmp_path / "s", text)
    result = lint_skill(folder)
    assert not result.valid
    assert not reference_says(folder)
    assert (result.name, len(result.errors)) == ("s", 1)


def test_a_missing_folder_and_a_missing_file(tmp_path):
    assert lint_skill(tmp_path / "none").errors == ("there is no such folder",)
    assert lint_skill(tmp_path).errors == ("there is no SKILL.md",)
    skill(tmp_path / "low").joinpath("SKILL.md").rename(tmp_path / "low" / "skill.md")
    assert lint_skill(tmp_path / "low").valid == reference_says(tmp_path / "low") is True


def test_the_folder_is_named_even_when_it_is_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(skill(tmp_path / "here"))
    assert lint_skill(type(tmp_path)()).valid


def test_an_error_names_the_nearest_field(tmp_path):
    assert lint_skill(skill(tmp_path / "s", licence="MIT")).errors == (
        "unknown field 'licence'; did you mean 'license'?",
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("line\n" * 500, "the body has 500 lines"),
        ("word " * 5000, "the body has about 6,249 tokens"),
        ("", "there is no text under the frontmatter"),
        ("See [it](references/none.md).", "link to a file that does not exist: references/none.md"),
        ("Run `scripts/none.py`.", "link to a file that does not exist: scripts/none.py"),
        ("See [it](../other/SKILL.md).", "link out of the skill's folder: ../other/SKILL.md"),
        ("See [it](references/deep/b.md).", "reference deeper than one level: references/deep/b.md"),
        ("See [it](references/a.md).", "references/a.md leads to references/c.md, which SKILL.md does not name"),
        ("Look in /home/me/notes.txt", "absolute path: /home/me/notes.txt"),
        (r"Look in C:\data\x.txt", r"absolute path: C:\data\x.txt"),
        ("See [it](/etc/passwd).", "absolute path: /etc/passwd"),
    ],
)
def test_warnings_of_our_own_leave_a_skill_valid(tmp_path, body, said):
    folder = skill(tmp_path / "s", body)
    (folder / "references" / "deep").mkdir(parents=True)
    (folder / "references" / "a.md").write_text("Then [c](c.md).")
    (folder / "references" / "c.md").write_text("End.")
    (folder / "references" / "deep" / "b.md").write_text("End.")
    result = lint_skill(folder)
    assert result.valid
    assert any(said in warning for warning in result.warnings), result.warnings


def test_files_that_are_meant_to_be_texts_and_are_none(tmp_path):
    folder = skill(tmp_path / "s")
    (folder / "logo.png").write_bytes(b"\x89PNG\0")  # an asset
    (folder / "references").mkdir()
    (folder / "references" / "rules.md").write_bytes(b"caf\xe9")
    (folder / "table.csv").write_bytes(b"a,b\0")
    said = "references/rules.md is not UTF-8 at byte 3; table.csv holds a NUL at byte 3: models are shown an error"
    for warnings in (lint_skill(folder).warnings, load_skill(folder).warnings):
        assert any(text.startswith(said) for text in warnings), warnings
    assert lint_skill(folder).valid


def test_a_good_skill_has_no_warnings(tmp_path):
    body = (
        "line\n" * 400
        + "See [a](references/a.md#part), [web](https://example.org/x.md), [up](#top), `python -m x`, and/or 1/2."
    )
    folder = skill(tmp_path / "s", body)
    (folder / "references").mkdir()
    (folder / "references" / "a.md").write_text("Back to [it](../SKILL.md).")
    assert lint_skill(folder).warnings == ()


def test_a_second_end_of_the_frontmatter_is_warned_of(tmp_path):
    result = lint_skill(skill(tmp_path / "s", description="a --- b"))
    assert result.valid
    assert result.warnings == ("--- inside the frontmatter: readers disagree where it ends",)


def test_a_link_out_of_the_folder_is_an_error_here(tmp_path):
    skill(tmp_path / "real", name="s")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "SKILL.md").symlink_to(tmp_path / "real" / "SKILL.md")
    assert lint_skill(tmp_path / "s").errors == ("SKILL.md is a link out of the skill's folder",)


def test_libraries_in_a_library_are_linted_too(tmp_path):
    skill(tmp_path / "a")
    skill(tmp_path / "group" / "inner")
    skill(tmp_path / "group" / "wrong", name="other")
    (tmp_path / "group" / "empty").mkdir()
    found = [(Path(r.path).name, r.valid) for r in lint_library(tmp_path)]
    assert found == [("a", True), ("empty", False), ("inner", True), ("wrong", False)]


def test_a_library_is_linted_folder_by_folder(tmp_path):
    skill(tmp_path / "b")
    skill(tmp_path / "a", name="other")
    (tmp_path / "c").mkdir()
    (tmp_path / ".git").mkdir()
    assert [(r.name, r.valid) for r in lint_library(tmp_path)] == [("other", False), ("b", True), ("c", False)]
    assert [r.path for r in lint_library(tmp_path / "b")] == [(tmp_path / "b").as_posix()]
    with pytest.raises(UserFileError, match="there is no skill in it"):
        lint_library(tmp_path / "c")
    with pytest.raises(UserFileError, match="there is no such folder"):
        lint_library(tmp_path / "d")


def test_what_nobody_sees_is_a_warning(tmp_path):
    hidden = lint_skill(skill(tmp_path / "s", body="a\x1b[31mred", description=r'"x \u202e rtl"'))
    assert hidden.valid
    assert hidden.warnings == (
        "description holds U+202E, which nobody sees; take it out",
        "the body holds U+001B, which nobody sees; take it out",
    )
    plain = lint_skill(skill(tmp_path / "p", body="\tna\u00efve \u00a0 \U0001f468\u200d\U0001f469\r\n"))
    assert plain.warnings == ()
