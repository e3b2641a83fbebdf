"""``ownbench skill create`` by its command."""

import live
import pytest
import rooms
import yaml
from live import Server

from harness.skill import lint_skill, load_skill

DRAFT = (
    f"---\nname: whatever\ndescription: Use for colours.\nallowed-tools: Bash\n---\n{rooms.BODY.format('| k0 | red |')}"
)


@pytest.fixture
def command(tmp_path, monkeypatch):
    def make(served):
        monkeypatch.chdir(tmp_path)
        rooms.write_house(tmp_path, served)
        return tmp_path, ("skill", "create", "tints", "--suite", "colours", "--author", "big", "--quiet")

    return make


def test_a_draft_becomes_a_skill_with_a_card(command, capfd):
    author = rooms.Author("I would rather talk.", f"```\n{DRAFT}\n```")
    with Server(author) as served:
        folder, words = command(served)
        code, out, err = live.inside(capfd, *words, "--tasks", 7)
        assert (code, err, len(served.seen)) == (0, "", 2)
        assert "7 train tasks read, 2 drafts, $0.000340" in out
        place = folder / "skills/tints"
        skill = load_skill(place)
        assert (skill.name, skill.description, skill.allowed_tools) == ("tints", "Use for colours.", ())
        assert lint_skill(place).valid
        card = yaml.safe_load((folder / "skills/tints.card.yaml").read_text())
        assert (card["digest"], card["drafts"], card["evidence"]["train_tasks_read"]) == (skill.digest, 2, 7)
        assert card["cost_usd"] == pytest.approx(2 * live.CALL_USD)
        assert "In train" in author.asked[0]
        assert "In dev" not in author.asked[0]
        assert "expected: " in author.asked[0]
        assert "Refused: it has no frontmatter" in author.asked[1]
        assert live.inside(capfd, "skill", "lint", folder / "skills")[0] == 0

        code, _, err = live.inside(capfd, *words)
        assert (code, len(served.seen)) == (2, 2)
        assert "skills/tints: it is there, and nothing is overwritten" in err

        # what it cost goes on into what is made of it
        code, out, _ = live.inside(
            capfd, "skill", "improve", "tints", *words[3:], "--model", "small", "--tries", 1, "--report", "reports/r"
        )
        assert code == 0
    value = yaml.safe_load((folder / "reports/r/experiment.yaml").read_text())
    assert [*value["contenders"]] == ["none", "draft"]
    assert value["economics"]["skill_authoring_usd"] == pytest.approx(2 * live.CALL_USD)


def test_an_author_that_writes_no_skill_is_asked_three_times(command, capfd):
    with Server(rooms.Author("I am sorry.")) as served:
        folder, words = command(served)
        code, out, err = live.inside(capfd, *words)
        assert (code, out, err.count("\n"), len(served.seen)) == (4, "", 1, 3)
        assert "wrote no skill in 3 drafts" in err
    assert [path.name for path in (folder / "skills").iterdir()] == ["colours"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--budget", "0"), "--budget is 0"),
        (("--tasks", "0"), "argument --tasks: found"),
        (("--suite", "nowhere"), "nowhere: there is no such suite"),
        (("--author", "nobody"), "no model is named 'nobody'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(command, capfd, more, said):
    with Server(rooms.Author(DRAFT)) as served:
        folder, words = command(served)
        before = sorted(folder.rglob("*"))
        code, out, err = live.inside(capfd, *words, *more)
        assert (code, out, err.count("\n"), served.seen) == (2, "", 1, [])
        assert said in err
    assert sorted(folder.rglob("*")) == before


def test_a_name_that_is_none(command, capfd):
    with Server(rooms.Author(DRAFT)) as served:
        _, words = command(served)
        code, _, err = live.inside(capfd, "skill", "create", "Tints!", *words[3:])
    assert (code, err.count("\n")) == (2, 1)
    assert "lowercase letters, digits and single hyphens" in err
