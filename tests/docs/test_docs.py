"""What the pages say is held against the code: commands, options, experiments, columns, words, links."""

import argparse
import dataclasses
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml
from pages import PAGES, ROOT, blocks, is_made
from workshop import write

from harness.core import Cause, Kind
from harness.core.errors import FAULTS
from harness.experiment import parse_experiment
from harness.experiment.schema import Experiment, Limits
from harness.grade import GRADERS
from harness.model import BACKENDS
from harness.report import write_report
from harness.skill.frontmatter import FIELDS as SKILL_FIELDS
from harness.skill.load import lint_skill
from harness.store import import_table
from harness.suite import lint_suite, load_suite
from harness.suite.schema import SuiteFile, TaskRow
from harness.system import DELIVERIES, NONE, SIGNALS
from harness.train import Recipe
from harness.verdict import EXIT_CODES, Policy

MAIN = importlib.import_module("harness.cli.entry")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def table(page, first):
    """The rows of the table whose header begins with ``first``, code marks taken off."""
    lines = page.read_text(encoding="utf-8").split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def section(page, heading):
    """From a heading to the next of its level."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"\n{heading}\n")
    assert rest, f"{page.name} has no {heading!r}"
    return re.split(rf"\n{heading.split()[0]} ", rest)[0]


def docs(name):
    return ROOT / "docs" / name


# ---------------------------------------------------------------------------------------------------- what can be run


def parser_of(verb):
    parser = MAIN.Parser(prog=f"ownbench {verb}")
    MAIN.configure(parser, verb)
    return parser


@each_page
def test_every_command_is_one_that_the_program_takes(page):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for block in blocks(page, "bash"):
        for line in block.text.strip().splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "make":
                assert arguments, f"{block.where}: {line}"
                assert arguments[0] in targets, f"{block.where}: {line}"
                continue
            assert program == "ownbench", f"{block.where}: {line}"
            verb, *rest = arguments
            assert verb in MAIN.VERBS, f"{block.where}: {line}"
            assert isinstance(parser_of(verb).parse_args(rest), argparse.Namespace)


@each_page
def test_every_option_named_in_a_text_exists(page):
    known = {"--help"}
    for verb in MAIN.VERBS:
        for part in _with_subparsers(parser_of(verb)):
            known |= {option for action in part._actions for option in action.option_strings}
    text = re.sub(r"`vllm serve[^`]*`", "", page.read_text(encoding="utf-8"))
    for option in re.findall(r"`[^`\n]*?(--[a-z-]+)", text):
        assert option in known | {"--strict"}, f"{page.name}: {option}"  # mypy's


def _with_subparsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def test_the_readme_has_two_set_up_commands():
    (block,) = blocks(ROOT / "README.md", "bash")[:1]
    assert block.text == "make demo\nmake test\n"


def test_what_is_not_there_yet_is_not_there():
    text = section(ROOT / "README.md", "## Not there yet")
    named = set(re.findall(r"`ownbench ([a-z]+)`", text))
    assert named
    assert not named & set(MAIN.VERBS)
    words = set(re.findall(r"`([a-z_0-9]+)`", text))
    assert not words & {*GRADERS, *SIGNALS, *DELIVERIES}


# ------------------------------------------------------------------------------------------------- what users may copy

BASE = {
    "name": "base",
    "suites": ["suites/tickets"],
    "models": {
        name: {"backend": "openai", "model": name, "base_url": "http://127.0.0.1:8000/v1"}
        for name in ("worker", "expert")
    },
    "contenders": {"worker": {"model": "worker"}, "expert": {"model": "expert"}},
}


@each_page
def test_every_experiment_is_accepted(page):
    """A part of an experiment is laid over a whole one; whatever it names beyond it has to be its own."""
    for block in blocks(page, "yaml"):
        value = yaml.safe_load(block.text)
        if "added" in block.words:  # a word that a recipe adds: the recipe's own test reads it
            continue
        if "policy" in block.words:
            Policy.model_validate(value)
            continue
        if "pipeline" in block.words:
            _check_pipeline(value)
            continue
        if "recipe" in block.words:
            Recipe.model_validate(value)
            continue
        if "suite" in block.words or (block.word("file") or "").endswith("suite.yaml"):
            SuiteFile.model_validate(value)
            continue
        assert set(value) <= set(Experiment.model_fields), block.where
        if "name" not in value:
            value = BASE | value
            value["models"] = BASE["models"] | value["models"]
            value["contenders"] = BASE["contenders"] | value["contenders"]
        parse_experiment(value, Path(block.where))


def _check_pipeline(value):
    """Another program's file: what it says of ours must be so."""
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    needed = {name for name, one in inputs.items() if one.get("required")}
    for job in (value.get("jobs") or value).values():
        for step in job.get("steps", ()):
            if "checkout" not in step.get("uses", "checkout") and "setup-python" not in step["uses"]:
                assert re.fullmatch(r"OWNER/ownbench@v[\d.]+", step["uses"])
                assert needed <= set(step["with"]) <= set(inputs)
        for line in job.get("script", ()):
            program, verb, *rest = shlex.split(line)
            assert program == "pip" or parser_of(verb).parse_args(rest)


def test_the_gate_page_names_every_key_of_the_policy_and_its_default():
    rows = {key: default for key, default, _ in table(docs("gate.md"), "key")}
    assert set(rows) == set(Policy.model_fields)
    for key, default in rows.items():
        assert getattr(Policy(), key) == (float(default) if default != "none" else getattr(Policy(), key))
        assert default != "none" or not getattr(Policy(), key)
    codes = {verdict: int(code) for verdict, code, _ in table(docs("gate.md"), "verdict")}
    assert codes == {decision.value: code for decision, code in EXIT_CODES.items()} | {"-": 2}


def test_the_files_of_the_pages_make_a_suite_and_a_skill(tmp_path):
    written = [block for page in ("suites.md", "skills.md") for block in blocks(docs(page)) if write(block, tmp_path)]
    suite = load_suite(tmp_path / "suites" / "tickets")
    assert len(suite.tasks) == 3
    assert not [finding for finding in lint_suite(suite) if finding.severity == "error"]
    found = lint_skill(tmp_path / "skills" / "tickets")
    assert (found.valid, found.errors, found.warnings) == (True, (), ())
    assert len(written) == 4


def test_the_demo_experiment_is_accepted():
    path = ROOT / "reports" / "demo" / "experiment.yaml"
    assert parse_experiment(yaml.safe_load(path.read_text()), path).reference == "skilled"


# ------------------------------------------------------------------------------------------------ words and columns


def test_the_keys_of_limits_and_of_a_task_are_those_of_the_schema():
    limits = {key: default for key, default, _ in table(docs("models.md"), "key | default")}
    assert list(limits) == list(Limits.model_fields)
    for key, default in limits.items():
        given = Limits.model_fields[key].default
        assert given is None if default == "none" else yaml.safe_load(default) == given
    assert {key for key, _ in table(docs("suites.md"), "key | meaning")} == set(TaskRow.model_fields)


def test_the_faults_are_those_of_the_table():
    rows = table(docs("models.md"), "cause | what happened")
    written = {Cause(cause): (again == "yes", status) for cause, _, again, status in rows}
    assert written == {cause: (fault.retry, fault.status.value) for cause, fault in FAULTS.items()}


def test_the_graders_are_those_of_the_registry():
    rows = {name: options for name, _, options in table(docs("graders.md"), "grader | passes when | options")}
    assert set(rows) == set(GRADERS)
    for name, options in rows.items():
        fields = {field.alias or key for key, field in GRADERS[name].model_fields.items()}
        assert set(options.split(", ")) == fields, name


def test_the_words_of_contenders_are_those_of_the_schema():
    assert {row[0] for row in table(docs("contenders.md"), "kind | keys")} == {kind.value for kind in Kind}
    page = docs("hybrids.md")
    for first, control in (("signal", False), ("control", True)):
        written = {row[0].partition(":")[0] for row in table(page, first)}
        assert written == {n for n, one in SIGNALS.items() if one.control is control}
    assert {row[0].partition(":")[0] for row in table(docs("skills.md"), "delivery")} == {NONE, *DELIVERIES}
    assert tuple(row[0] for row in table(docs("skills.md"), "field")) == SKILL_FIELDS


def test_the_backends_are_those_that_can_be_opened():
    rows = {name: needs for name, _, needs in table(docs("models.md"), "backend | calls")}
    assert set(rows) == set(BACKENDS)
    for name, needs in rows.items():
        fields = BACKENDS[name].entry.model_fields.items()
        assert set(needs.split(", ")) == {key for key, field in fields if field.is_required()} - {"backend"}


def test_the_findings_of_the_lint_are_those_of_the_code():
    source = (ROOT / "harness" / "suite" / "lint.py").read_text()
    raised = set(re.findall(r'(?:_finding|yield) ?\(?\s*"(error|warning)",\s+"([a-z-]+)"', source))
    tried = (ROOT / "harness" / "run" / "solutions.py").read_text()
    for rule in re.findall(r'rule="([a-z-]+)"', tried):
        raised.add(("warning" if rule == "no-oracle" else "error", rule))
    written = {
        (severity, name) for names, severity, _ in table(docs("suites.md"), "finding") for name in names.split(", ")
    }
    assert written == raised


def test_the_rooms_are_those_of_the_architecture_test():
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "tests" / "test_architecture.py")
    rooms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rooms)
    there = {path.name for path in (ROOT / "harness").iterdir() if (path / "__init__.py").is_file()}
    rows = {room: may for room, _, may in table(ROOT / "CONTRIBUTING.md", "room | purpose")}
    assert set(rows) == there
    for room, may in rows.items():
        if room in {"core", "cli"}:
            continue
        written = {"core"} if may == "core only" else {"core", "userfile", *filter(None, may.split(", "))}
        assert written == rooms.MAY_IMPORT[room] & there, room


# ------------------------------------------------------------------------------------------------------------ the pages


@each_page
def test_every_relative_link_and_image_exists(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@each_page
def test_every_file_that_a_recipe_names_exists(page):
    for path in re.findall(
        r"`((?:harness|tests|adapters/recipe|docs|\.ci)/[\w/.-]+)`", page.read_text(encoding="utf-8")
    ):
        if path in {block.word("file") for block in blocks(page)}:  # the page itself writes it
            continue
        if not re.search(r"/[A-Z]{2,}\b", path):  # a place-holder, as in harness/ROOM
            assert (ROOT / path).exists(), f"{page.name}: {path}"


@each_page
def test_a_block_that_is_a_file_is_named_to_the_reader(page):
    """What stands after the fence is shown by neither the repository nor a terminal."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for path in {block.word("file") for block in blocks(page)} - {None}:
        folder, _, name = path.rpartition("/")
        assert f"`{path}`" in prose or (f"`{folder}`" in prose and f"`{name}`" in prose), f"{page.name}: {path}"


@each_page
def test_every_name_that_a_recipe_gives_stands_in_its_file(page):
    text = " ".join(page.read_text(encoding="utf-8").split())
    for name, path in re.findall(r"`([A-Za-z_.]+)`(?:,? (?:of|in)) `((?:harness|tests)/[\w/]+\.py)`", text):
        assert name.rpartition(".")[2] in (ROOT / path).read_text(), f"{page.name}: {name} in {path}"


@each_page
def test_a_page_is_short_and_says_nothing_of_the_machine(page):
    text = page.read_text(encoding="utf-8")
    if page.parent.name == "docs" and not is_made(page):
        assert text.count("\n") <= 150
    assert not re.search(r"(?<![\w.])/(?:work|root|tmp|home|Users)\b", text)
    assert not re.search(r"pypi|artifactory|nexus|localhost:\d|index-url", text, re.IGNORECASE)
    assert all(ord(sign) < 0x2600 for sign in text), "no emoji"
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    if not is_made(page):
        prose = re.sub(r"<!-- demo:(\S+):begin -->.*?<!-- demo:\1:end -->", "", prose, flags=re.DOTALL)
        assert all(len(line) <= 130 for line in prose.splitlines() if not line.startswith(("|", "- `", "!")))


# --------------------------------------------------------------------------------------------------- the demo's numbers


def refresher():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RATE = re.compile(r"^(\d+\.\d)% \[(\d+\.\d), (\d+\.\d)\]$")


def test_the_readme_shows_every_contender_of_the_demo():
    wanted = yaml.safe_load((ROOT / "reports" / "demo" / "experiment.yaml").read_text())["contenders"]
    rows = table(ROOT / "README.md", "contender")
    assert {row[0] for row in rows} == set(wanted)
    ranked = []
    for row in rows:
        value, low, high = map(float, RATE.match(row[2]).groups())
        assert low <= value <= high
        assert int(row[3].replace(",", "")) > 0
        ranked.append((row[1].startswith("control: "), -value))
    assert ranked == sorted(ranked)
    controls = {row[0] for row, (control, _) in zip(rows, ranked, strict=True) if control}
    assert controls == {"always", "never", "random", "oracle", "placebo"}


def test_the_first_experiment_runs_the_demo_s_contenders_on_its_suite():
    """Its page quotes what the demo found there: with fewer skills nobody would find the same."""
    (block,) = (b for b in blocks(docs("first-experiment.md"), "yaml") if b.word("file"))
    first = yaml.safe_load(block.text)
    demo = yaml.safe_load((ROOT / "reports" / "demo" / "experiment.yaml").read_text())
    (suite,) = (Path(path).name for path in first["suites"])
    for name, one in first["contenders"].items():
        whole = demo["contenders"][name]
        assert one == {key: of[suite] if isinstance(of, dict) and suite in of else of for key, of in whole.items()}
    assert (first["seed"], first["reference"]) == (demo["seed"], demo["reference"])


def test_the_readme_begins_with_a_picture_of_the_answer():
    text = (ROOT / "README.md").read_text()
    picture = text.index("docs/images/demo-pass-rate.png")
    assert text.index("?") < picture < text.index("## ")
    for name in refresher().FIGURES.values():
        assert (ROOT / "docs" / "images" / name).read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A small imported report with its page, its statistics and its figures."""
    folder = tmp_path_factory.mktemp("pages")
    rows = [f"{c},t{i},{int(i % n == 0)},0.01" for c, n in (("tuned", 2), ("skilled", 3)) for i in range(30)]
    (folder / "results.csv").write_text("contender,task,passed,cost_usd\n" + "\n".join(rows) + "\n")
    import_table(folder / "results.csv", folder / "report")
    write_report(folder / "report")
    return folder / "report"


def test_refreshing_writes_the_table_once_and_leaves_the_rest(report, tmp_path):
    refresh = refresher()
    page, images = tmp_path / "README.md", tmp_path / "images"
    marks = [mark.format(word) for word in refresh.README for mark in (refresh.BEGIN, refresh.END)]
    page.write_text("before\n\n{}\nwhat an earlier run left\n{}\n\nbetween\n\n{}\n{}\n\nafter\n".format(*marks))
    refresh.refresh(report, page, images, None)
    first = page.read_text()
    assert first.startswith(f"before\n\n{marks[0]}\n\n> ")
    assert f"{marks[1]}\n\nbetween\n\n{marks[2]}\n\n| contender |" in first
    assert first.endswith(f"{marks[3]}\n\nafter\n")
    assert "what an earlier run left" not in first
    rows = {row[0]: row for row in table(page, "contender")}
    assert rows["tuned"][2].startswith("50.0% [")  # 15 of 30
    assert rows["skilled"][2].startswith("33.3% [")  # 10 of 30
    assert rows["tuned"][5].startswith("\\$20.00")  # 30 cents for 15 passes: per 1,000
    assert {path.name for path in images.iterdir()} == set(refresh.FIGURES.values())
    refresh.refresh(report, page, images, None)
    assert page.read_text() == first


def test_refreshing_says_what_is_missing(report, tmp_path):
    refresh = refresher()
    page = tmp_path / "README.md"
    page.write_text("no markers\n")
    with pytest.raises(SystemExit, match="demo:advice:begin"):
        refresh.refresh(report, page, tmp_path, None)
    with pytest.raises(SystemExit, match="ownbench report"):
        refresh.refresh(tmp_path, page, tmp_path, None)


def test_the_statistics_have_what_the_script_reads(report):
    from harness.analysis import scoreboard

    fields = {field.name for field in dataclasses.fields(scoreboard(report))}
    assert {"contenders", "level", "unit", "n_tasks", "n_units", "split"} <= fields
