"""Loading as clients do, and hostile folders."""

import os
import time
from pathlib import Path

import pytest

from harness.core import UserFileError
from harness.skill.load import lint_skill, load_library, load_skill, read_library


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


GOOD = "---\nname: {name}\ndescription: Use when a thing is due.\n---\n\n# Title\n\nText.\n"


def good(folder, name=None):
    return write(folder, GOOD.format(name=name or folder.name))


def test_a_skill_is_what_its_file_says_and_what_stands_beside_it(tmp_path):
    head = "---\nname: s\ndescription: >-\n  Use when\n  due.\nlicense: MIT\ncompatibility: any\n"
    folder = write(
        tmp_path / "s",
        head + "metadata:\n  version: 1.10\nallowed-tools: Bash(git diff:*) Read\n---\n\nBody.\r\n\r\nMore.\n\n",
    )
    (folder / "scripts").mkdir()
    (folder / "scripts" / "run.py").write_text("")
    (folder / "a.md").write_text("")
    (folder / ".hidden").write_text("")
    skill = load_skill(folder)
    assert (skill.name, skill.description, skill.body) == ("s", "Use when due.", "Body.\n\nMore.")
    assert (skill.license, skill.compatibility, skill.metadata) == ("MIT", "any", {"version": "1.10"})
    assert skill.allowed_tools == ("Bash(git diff:*)", "Read")
    assert skill.files == ("a.md", "scripts/run.py")
    assert skill.warnings == ()


@pytest.mark.parametrize(
    ("head", "name", "warned"),
    [
        ("name: Bad_Name\ndescription: d", "Bad_Name", "must be lowercase"),
        (f"name: {'x' * 70}\ndescription: d", "x" * 70, "70 characters"),
        ("description: d", "s", "name is missing"),
        ("name:\ndescription: d", "s", "name must be a text that is not empty"),
        ("name: other\ndescription: d", "other", "differs from its folder's"),
        ("name: s\ndescription: d\nversion: 2", "s", "unknown field 'version'"),
        ("name: s\ndescription: d\nallowed-tools: [Read, Edit]", "s", "flow style"),
        ("name: s\ndescription: d\nname: t", "t", "given twice"),
    ],
)
def test_odd_frontmatter_warns_and_loads(tmp_path, head, name, warned):
    skill = load_skill(write(tmp_path / "s", f"---\n{head}\n---\nText."))
    assert skill.name == name
    assert any(warned in warning for warning in skill.warnings), skill.warnings


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("Use when: it's due", "Use when: it's due"),
        ("Step 1: do. Step 2: don't", "Step 1: do. Step 2: don't"),
        ("@mention first", "@mention first"),
        ("[draft] a skill", "[draft] a skill"),
    ],
)
def test_an_unquoted_colon_or_sign_is_retried_in_quotes(tmp_path, value, read):
    skill = load_skill(write(tmp_path / "s", f"---\nname: s\ndescription: {value}\n---\nText."))
    assert skill.description == read
    assert skill.warnings == ("the frontmatter is no YAML until a value is quoted",)
    assert not lint_skill(tmp_path / "s").valid


def test_a_mark_and_blank_lines_before_the_frontmatter_and_marks_inside_it_load(tmp_path):
    skill = load_skill(write(tmp_path / "s", "\ufeff\n---\nname: s\ndescription: a --- b\n--- \nText --- here.\n---\n"))
    assert (skill.description, skill.body) == ("a --- b", "Text --- here.\n---")
    assert skill.warnings == ("there is something before the frontmatter",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\nname: s\n---\n", "the description is missing or empty"),
        ("---\nname: s\ndescription: ' '\n---\n", "the description is missing or empty"),
        ("no frontmatter", "SKILL.md must begin with ---"),
        ("---\nname: s\ndescription: d\n", "not closed"),
        ("---\n- name\n- description\n---\n", "must be a mapping"),
        ("---\nname: 'open\ndescription: d\n---\n", "not valid YAML"),
        (b"---\nname: s\ndescription: \xff\n---\n", "not UTF-8 at byte 25"),
        (b"---\nname: s\ndescription: a\0b\n---\n", "not valid YAML"),
        ("---\nname: s\ndescription: d\nmetadata:\n  - " + "[" * 20_000 + "\n---\n", "too deeply nested"),
        ("---\nname: s\ndescription: d\nmetadata:\n " + " -" * 20_000 + "\n---\n", "too deeply nested"),
        ("---\nname: s\ndescription: d\nmetadata:\n" + "  - x\n" * 10_000 + "---\n", "too many"),
        ("---\nname: s\ndescription: d\nx: " + "y" * 70_000 + "\n---\n", "more than 65,536"),
        ("---\nname: s\ndescription: d\n---\n" + "x" * 10_000_000, "has 10,000,031 bytes, more than 1,000,000"),
    ],
)
def test_what_cannot_be_used_is_skipped_with_its_reason(tmp_path, text, reason):
    start = time.process_time()
    folder = write(tmp_path / "lib" / "s", text)
    with pytest.raises(UserFileError, match=reason):
        load_skill(folder)
    good(tmp_path / "lib" / "good")
    skills, skipped = read_library(tmp_path / "lib")
    assert [skill.name for skill in skills] == ["good"]
    assert list(skipped) == [folder]
    assert reason in skipped[folder]
    lint_skill(folder)
    assert time.process_time() - start < 5


def test_aliases_that_unfold_without_end_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 x"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    folder = write(tmp_path / "s", "---\nname: s\ndescription: d\n" + "\n".join(lines) + "\n---\nText.")
    start = time.process_time()
    with pytest.raises(UserFileError, match="too many or too deeply nested"):
        load_skill(folder)
    assert not lint_skill(folder).valid
    loop = write(tmp_path / "t", "---\nname: t\ndescription: d\nmetadata: &m\n  m: *m\n---\nText.")
    with pytest.raises(UserFileError, match=r"too many or too deeply nested|not valid YAML"):
        load_skill(loop)
    assert time.process_time() - start < 2


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("key")
    folder = good(tmp_path / "lib" / "s")
    (folder / "file").symlink_to(tmp_path / "secret" / "key.txt")
    (folder / "deep").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    skill = load_skill(folder)
    assert skill.files == ()
    assert skill.warnings == ("links are not followed: deep, file, loop",)
    linked = tmp_path / "lib" / "t"
    linked.mkdir()
    (linked / "SKILL.md").symlink_to(folder / "SKILL.md")
    assert read_library(tmp_path / "lib")[1] == {linked: "SKILL.md is a link out of the skill's folder"}


def test_a_library_is_read_one_level_deep_and_by_name(tmp_path):
    good(tmp_path / "zeta", "alpha")
    good(tmp_path / "beta")
    good(tmp_path / "group" / "inner")
    good(tmp_path / ".hidden")
    good(tmp_path / "zzz", "beta")
    skills, skipped = read_library(tmp_path)
    assert [s.name for s in skills] == ["alpha", "beta"]
    assert load_library(tmp_path) == skills
    assert {path.name: reason for path, reason in skipped.items()} == {
        "group": "it is a folder of skills; name it to use them",
        "zzz": "the name 'beta' is taken by beta",
    }
    assert load_library(tmp_path / "beta") == (load_skill(tmp_path / "beta"),)
    assert [s.name for s in load_library(tmp_path / "group")] == ["inner"]


def test_a_library_in_which_nothing_loads_is_an_error(tmp_path):
    with pytest.raises(UserFileError, match="no skill in it can be used"):
        load_library(tmp_path)
    write(tmp_path / "s", "nothing")
    with pytest.raises(UserFileError, match=r"no skill in it can be used.*s: SKILL\.md must begin"):
        load_library(tmp_path)
    with pytest.raises(UserFileError, match="there is no such folder"):
        load_library(tmp_path / "none")


def test_the_digest_is_of_the_name_and_every_files_content(tmp_path):
    first = load_skill(good(tmp_path / "a" / "s")).digest
    assert load_skill(good(tmp_path / "b" / "s")).digest == first  # the place does not count
    assert load_skill(write(tmp_path / "c" / "t", GOOD.format(name="s"))).digest == first
    assert load_skill(write(tmp_path / "d" / "t", GOOD.format(name=""))).digest != first
    (tmp_path / "b" / "s" / "f.bin").write_bytes(b"\0")
    second = load_skill(tmp_path / "b" / "s").digest
    (tmp_path / "b" / "s" / "f.bin").write_bytes(b"\1")
    assert len({first, second, load_skill(tmp_path / "b" / "s").digest}) == 3


@pytest.mark.shared
def test_the_trials_skills_load_without_a_warning():
    shared = next((p / "shared" for p in Path(__file__).parents if (p / "shared" / "demo").is_dir()), None)
    if shared is None:
        pytest.skip("the shared folder is not here")
    skills, skipped = read_library(shared / "demo" / "assets" / "skills")
    assert len(skills) == 6
    assert skipped == {}
    assert all(lint_skill(s.folder).valid and not s.warnings for s in skills)
