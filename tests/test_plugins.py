"""Installed packages add graders, backends and ways to answer, and nothing changes here; a suite loads no code."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = """
    import json
    from dataclasses import fields
    from pathlib import Path
    from typing import ClassVar

    from harness.core import Reply, Role, Usage
    from harness.grade.rule import Rule, right, wrong
    from harness.model.backend import Backend
    from harness.model.entry import ModelEntry
    from harness.system import BoxTool, Direct, SystemKind, answered
    from harness.system.box_tool import path_of, result_of, schema
    from harness.userfile import Strict


    class Echo(Rule):
        \"\"\"The answer is the reference turned around.\"\"\"

        name: ClassVar[str] = "turned"

        def usable(self, reference):
            return str(reference)

        def judge(self, text, reference):
            return right() if text == reference[::-1] else wrong(reference[::-1], text)


    class ParrotEntry(ModelEntry):
        word: str


    class Parrot(Backend):
        name = "parrot"
        entry = ParrotEntry
        changing = ("word",)
        owned = True

        def open(self, spec, given):
            return Model(spec)


    class Model:
        capabilities = frozenset()

        def __init__(self, spec):
            self.spec = spec

        async def prepare(self, adapters=()):
            pass

        async def answer(self, request):
            return Reply(text=self.spec.options["word"], usage=Usage(input=1, output=1, source="counted"))

        async def close(self):
            pass


    PARROT = Parrot()


    class Turned(Direct):
        async def answer(self, task, session, role=Role.ANSWER):
            request = self.request(task, self.prompt.of(task), trial=session.trial)
            reply = await session.call(self.model, request, role)
            return answered(self.contender.name, Reply(text=reply.text[::-1], usage=reply.usage))


    class Options(Strict):
        turns: int = 1


    class Way(SystemKind):
        name = "turning"
        options = Options

        def build(self, direct, options):
            same = {each.name: getattr(direct, each.name) for each in fields(direct)}
            return (Turned if options.turns % 2 else Direct)(**same)


    WAY = Way()


    class Count(BoxTool):
        name = "count"
        description = "Counts the lines of a file."
        parameters = schema({"path": "The file."})

        def perform(self, box, arguments):
            done = box.run(["wc", "-l", path_of(arguments)])
            return result_of(done, done.out.decode(), 0)


    COUNT = Count()
"""
POINTS = """
[ownbench.graders]
turned = theirs:Echo
lost = nowhere:Lost

[ownbench.systems]
turning = theirs:WAY

[ownbench.tools]
count = theirs:COUNT

[ownbench.backends]
parrot = theirs:PARROT
"""
EXPERIMENT = {
    "name": "r",
    "suites": ["suite"],
    "models": {"one": {"backend": "parrot", "word": "abc"}, "two": {"backend": "parrot", "word": "cba"}},
    "contenders": {"one": {"model": "one"}, "two": {"model": "two"}},
}


@pytest.fixture
def ownbench(tmp_path):
    """Runs the command in a folder with a report, the package installed on its path and out of that folder."""
    site, work = tmp_path / "site", tmp_path / "work"
    info = site / "theirs-1.dist-info"
    info.mkdir(parents=True)
    (site / "theirs.py").write_text(textwrap.dedent(CODE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    (work / "suite").mkdir(parents=True)
    (work / "suite" / "suite.yaml").write_text("name: suite\ndomains: [d]\ngrader: turned\ntasks: tasks.jsonl\n")
    (work / "suite" / "tasks.jsonl").write_text('{"id": "a", "input": "?", "reference": "cba"}\n')
    (work / "report").mkdir()
    (work / "report" / "experiment.yaml").write_text(json.dumps(EXPERIMENT))

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
        command = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())", *arguments]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    run.work = work
    return run


def test_an_installed_package_adds_a_grader_and_a_backend(ownbench):
    code, _, err = ownbench("run", "report", "--quiet")
    assert code == 0, err
    found = json.loads(ownbench("show", "report", "--json")[1])["contenders"]
    assert {one["name"]: one["pass_rate"]["value"] for one in found} == {"one": 1.0, "two": 0.0}
    models = json.loads((ownbench.work / "report" / "manifest.json").read_text())["models"]
    assert len({one["digest"] for one in models}) == 2  # the option is part of the identity
    assert "ParrotEntry" in json.loads(ownbench("schema", "experiment")[1])["$defs"]


def test_an_installed_package_adds_a_way_to_answer(ownbench):
    path = ownbench.work / "report" / "experiment.yaml"
    ways = {"once": {}, "turned": {"system": {"name": "turning"}}, "twice": {"system": {"name": "turning", "turns": 2}}}
    path.write_text(
        json.dumps(EXPERIMENT | {"contenders": {name: {"model": "one"} | way for name, way in ways.items()}})
    )
    code, _, err = ownbench("run", "report", "--quiet")
    assert code == 0, err
    found = json.loads(ownbench("show", "report", "--json")[1])["contenders"]
    assert {one["name"]: one["pass_rate"]["value"] for one in found} == {"once": 1.0, "turned": 0.0, "twice": 1.0}
    contenders = json.loads((ownbench.work / "report" / "manifest.json").read_text())["contenders"]
    assert len({one["digest"] for one in contenders}) == 3  # name and options are part of the identity
    assert {one["sourcing"] for one in contenders} == {"OWN"}


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ({"name": "turnin"}, "contenders.one.system: unknown system 'turnin'; did you mean 'turning'"),
        ({"name": "turning", "turn": 1}, "contenders.one.system.turn: unknown key; did you mean 'turns'"),
        ({"name": "turning", "turns": "x"}, "contenders.one.system.turns"),
        ({}, "contenders.one.system: it needs the name"),
    ],
)
def test_a_way_to_answer_that_cannot_be_used_is_one_line(ownbench, system, said):
    path = ownbench.work / "report" / "experiment.yaml"
    path.write_text(json.dumps(EXPERIMENT | {"contenders": {"one": {"model": "one", "system": system}}}))
    code, out, err = ownbench("check", "report")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_an_installed_package_adds_a_tool(ownbench):
    path = ownbench.work / "report" / "experiment.yaml"
    contenders = {"one": {"model": "one", "tools": ["count"]}, "two": {"model": "one"}}
    path.write_text(json.dumps(EXPERIMENT | {"contenders": contenders, "sandbox": {"actions": {"allow": ["count"]}}}))
    code, out, err = ownbench("check", "report", "--json")
    if code == 2 and "no sandbox on this machine" in err:
        pytest.skip("no sandbox on this machine")
    assert code == 0, err
    asked = json.loads(out)["prompts"][0]["messages"][0]["content"]
    assert "- count: Counts the lines of a file.\n  - path (string): The file." in asked
    assert "count" in json.loads(ownbench("doctor", "--json")[1])["tools"]


def test_doctor_names_them_and_the_broken_one(ownbench):
    found = json.loads(ownbench("doctor", "--json")[1])
    assert found["backends"]["parrot"]["ready"]
    assert "turned" in found["graders"]
    (line,) = found["broken"]
    assert "the grader 'lost' of the package theirs cannot be loaded" in line


@pytest.mark.parametrize(
    ("where", "old", "new", "said"),
    [
        ("report/experiment.yaml", '"parrot"', '"parot"', "did you mean 'parrot'"),
        ("report/experiment.yaml", '"word": "abc"', '"wrd": "abc"', "did you mean 'word'"),
        ("suite/suite.yaml", "turned", "lost", "cannot be loaded"),
        ("suite/suite.yaml", "turned", "theirs:Echo", "unknown grader"),
        ("report/experiment.yaml", '"parrot"', '"theirs:PARROT"', "unknown backend"),
    ],
)
def test_what_cannot_be_used_is_one_line(ownbench, where, old, new, said):
    path = ownbench.work / where
    path.write_text(path.read_text().replace(old, new, 1))
    code, out, err = ownbench("check", "report")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_strangers_folder_runs_nothing(ownbench):
    """A report that brings a package of its own, with entry points, beside a suite that names it."""
    info = ownbench.work / "evil-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ownbench.graders]\nevil = evil:Evil\n")
    (ownbench.work / "evil.py").write_text("import pathlib; pathlib.Path('ran').touch()\n")
    path = ownbench.work / "suite" / "suite.yaml"
    path.write_text(path.read_text().replace("turned", "evil"))
    assert "unknown grader 'evil'" in ownbench("check", "report")[2]
    assert not (ownbench.work / "ran").exists()
