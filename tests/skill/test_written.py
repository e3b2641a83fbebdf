"""What of a model's answer is taken for a skill."""

import pytest

from harness.skill import WRITTEN, written_skill
from harness.skill.written import MOST_BODY

WHOLE = "---\nname: find-the-queue\ndescription: Use for tickets.\n---\n\n# Steps\n\n1. Look."


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        f"\n\n{WHOLE}\n",
        WHOLE.replace("\n", "\r\n"),
        f"```markdown\n{WHOLE}\n```",
        f"Here is the skill:\n\n````md\n{WHOLE}\n\n```\ncode\n```\n````\nGood luck!",
    ],
)
def test_a_whole_skill_md_is_taken_with_or_without_a_fence_around_it(answer):
    found = written_skill(answer)
    assert found.name == "find-the-queue"
    assert found.text.startswith("---\nname: find-the-queue\n")
    assert found.skill.body.startswith("# Steps\n\n1. Look.")
    assert (found.skill.name, found.skill.description) == (WRITTEN, "Use for tickets.")


@pytest.mark.parametrize(
    "answer",
    ["Just look it up.", "---\nname: [broken\n", "---\nname: a: b: c\n  - x\n---\nbody", "# A title\n\n---\n\ntext"],
)
def test_what_has_no_readable_frontmatter_is_the_body_as_a_whole(answer):
    found = written_skill(answer)
    assert (found.name, found.skill.body) == (WRITTEN, answer.strip())


@pytest.mark.parametrize("name", ["../../etc", "A b", "a--b", "x" * 65, "", "-a", "<script>"])
def test_a_name_that_no_folder_should_have_names_none(name):
    assert written_skill(f"---\nname: '{name}'\ndescription: d\n---\nbody").name == WRITTEN


@pytest.mark.parametrize("answer", ["", "  \n\t\n", "\0", "---\nname: a\ndescription: d\n---\n", "---\n---\n"])
def test_nothing_is_no_skill(answer):
    assert written_skill(answer) is None


def test_a_body_is_cut_where_it_says_so_and_a_lone_surrogate_can_be_written_down():
    found = written_skill("x" * (MOST_BODY + 5) + "\ud800")
    assert len(found.skill.body) < MOST_BODY + 100
    assert found.skill.body.endswith(f"[cut here: the first {MOST_BODY:,} of {MOST_BODY + 6:,} characters]")
    assert len(found.text.encode()) == MOST_BODY + 5 + len("?\n")
