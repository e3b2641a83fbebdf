"""The rooms of the house and their one-way imports."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HARNESS = ROOT / "harness"

_BELOW = {"core", "userfile"}
_RUNNING = _BELOW | {"suite", "retrieval", "skill", "cost", "cluster", "sandbox", "adapter", "store", "model", "grade"}
_RUNNING |= {"system"}
MAY_IMPORT = {
    "core": set(),
    "userfile": {"core"},
    "stats": {"core"},
    "suite": _BELOW,
    "retrieval": _BELOW,
    "skill": _BELOW | {"retrieval"},
    "cost": _BELOW,
    "cluster": _BELOW,
    "sandbox": _BELOW,
    "adapter": _BELOW | {"suite"},
    "store": _BELOW | {"cost"},
    "model": _BELOW | {"cost", "adapter"},
    "grade": _BELOW | {"model", "sandbox"},
    "system": _BELOW | {"model", "retrieval", "skill", "sandbox", "adapter"},
    "experiment": _RUNNING,
    "run": _RUNNING | {"experiment", "stats"},
    "train": _RUNNING | {"experiment", "run", "stats"},
    "analysis": _BELOW | {"store", "stats", "cost"},
    "verdict": _BELOW | {"store", "stats", "cost", "analysis"},
    "report": _BELOW | {"analysis", "verdict", "store"},
}
MODULES = sorted(HARNESS.rglob("*.py"))
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "litellm",
    "streamlit",
    "datasets",
    "trl",
    "accelerate",
    "pandas",
    "scipy",
    "pyarrow",
    "aiohttp",
    "ray",
}


def room(path: Path) -> str:
    parts = path.relative_to(HARNESS).parts
    return parts[0] if len(parts) > 1 else ""


def imports(tree: ast.AST, *, top_only: bool = False):
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their room"
            yield from (f"harness.{alias.name}" for alias in node.names if node.module == "harness")
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_room_imports_only_what_stands_left_of_it(path):
    here = room(path)
    for name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "harness" or len(parts) < 2 or here in {"", "cli"}:
            continue
        assert here in MAY_IMPORT, f"{here} is not in the table of rooms"
        assert parts[1] == here or parts[1] in MAY_IMPORT[here], f"{here} may not import {name}"
        assert parts[1] == here or len(parts) == 2, f"{name}: a room is entered by its door"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_heavy_packages_are_imported_where_they_are_needed(path):
    tops = {name.split(".")[0] for name in imports(ast.parse(path.read_text()), top_only=True)}
    pages = (
        {"streamlit"} if path.parent.name == "pages" else set()
    )  # nothing but the dashboard's door opens that folder
    assert not tops & HEAVY - pages


def test_core_is_standard_library_and_orjson_only():
    for path in (HARNESS / "core").rglob("*.py"):
        for name in imports(ast.parse(path.read_text())):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "harness", "orjson"}


@pytest.mark.parametrize("room_name", sorted(p.name for p in HARNESS.iterdir() if (p / "__init__.py").is_file()))
def test_a_room_says_what_it_is_for(room_name):
    assert room_name in {*MAY_IMPORT, "cli"}
    assert len(ast.get_docstring(ast.parse((HARNESS / room_name / "__init__.py").read_text())) or "") > 40


def test_no_file_is_longer_than_four_hundred_lines():
    assert not [path.name for path in MODULES if len(path.read_text().splitlines()) > 400]


def test_no_module_has_the_name_of_something_that_its_room_exports():
    """``from harness.stats import audit`` gives one thing, whoever has imported what before."""
    shadowed = []
    for door in HARNESS.rglob("__init__.py"):
        exported = {
            alias.asname or alias.name
            for node in ast.walk(ast.parse(door.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        shadowed += [path for path in door.parent.glob("*.py") if path.stem in exported]
    assert not shadowed


def test_no_name_of_a_file_is_given_five_times():
    stems = Counter(path.stem for path in MODULES if path.stem != "__init__")
    assert not [stem for stem, count in stems.items() if count > 4]


def test_files_do_not_import_one_another_in_a_circle():
    """Imports inside functions count too."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    graph = {}
    for name, path in names.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        graph[name] = {other for other in found if other in names}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {line.split(".")[0] for line in out.stdout.splitlines()}


@pytest.mark.parametrize(
    "code",
    ["import harness", "from harness.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"],
    ids=["import harness", "ownbench --help"],
)
def test_start_up_loads_nothing_heavy(code):
    loaded = loaded_after(code)
    assert not loaded & (HEAVY | {"numpy", "pydantic", "rich", "yaml", "jinja2", "altair", "jsonschema"})


def test_what_makes_boxes_is_loaded_where_one_is_made():
    script = "import sys, harness.run, harness.experiment; sys.exit('harness.sandbox.opening' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_judging_half_needs_no_model_and_no_network_library():
    loaded = loaded_after("import harness.report, harness.store, harness.stats")
    assert not loaded & {"torch", "litellm", "streamlit", "aiohttp", "transformers"}
    assert "harness.model" not in loaded
