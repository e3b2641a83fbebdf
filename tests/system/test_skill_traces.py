"""What a shell line reads and runs of skills."""

import pytest

from harness.system.skill_traces import traces

SKILLS = {"alpha": ("references/more.md", "scripts/add.py", "scripts/go.sh"), "beta": ()}
READ, RUN, OPENED = ("alpha", "file"), ("alpha", "script"), ("alpha", "opened")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cat /skills/alpha/SKILL.md", [OPENED]),
        ("cat /skills/beta/SKILL.md; ls", [("beta", "opened")]),
        ("head -3 /skills/alpha/references/more.md", [READ]),
        ("cat '/skills/alpha/references/more.md' | wc -l", [READ]),
        ("cat /skills/alpha/references/*", [READ]),
        ("cat /skills/*/SKILL.md", [OPENED, ("beta", "opened")]),
        ("python3 /skills/alpha/scripts/add.py 1 2", [RUN]),
        ("/skills/alpha/scripts/go.sh", [RUN]),
        ("X=1 timeout 5 bash -e /skills/alpha/scripts/go.sh", [RUN]),
        (". /skills/alpha/scripts/go.sh", [RUN]),
        ("cd /skills/alpha && python3 scripts/add.py 1", [RUN]),
        ("cd /skills/alpha/scripts; ./go.sh", [RUN]),
        ("out=$(python3 /skills/alpha/scripts/add.py 1)", [RUN]),
        ("echo 1 | python3 /skills/alpha/scripts/add.py /skills/alpha/references/more.md", [RUN, READ]),
        ("python3 -c \"print(open('/skills/alpha/references/more.md').read())\"", [READ]),
        ("cp -r /skills/alpha/scripts /w", [READ]),
        ("cat /skills/alpha/scripts/add.py", [READ]),
        ("ls -R /skills/alpha; find /skills -name '*.md'", []),
        ("cat /skills/alpha/none.md /skills/gamma/SKILL.md", []),
        ("cat ../skills/alpha/SKILL.md", [OPENED]),
        ("cat /w/skills/alpha/SKILL.md", []),
        ("echo 'unclosed /skills/alpha/SKILL.md", []),
        ("", []),
    ],
)
def test_shown_opened_read_and_run_are_told_apart(line, found):
    assert [(name, str(how)) for name, how in traces(line, SKILLS)] == found


def test_without_skills_nothing_is_looked_for():
    assert traces("cat /skills/alpha/SKILL.md", {}) == []
