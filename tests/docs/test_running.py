"""The blocks of every page run, in their order, in a folder like a checkout with a finished demo."""

import shutil

import pytest
from pages import DOCS, LANGUAGES, PAGES, ROOT, blocks, is_made
from workshop import prepare, run, serve, serving, walk

import harness
from harness.sandbox import probe

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
RUN = [page for page in PAGES if (blocks(page, "bash") or blocks(page, "python")) and not is_made(page)]
"""Those that are made from the code hold each command's own example; they are parsed, in test_docs.py."""


@pytest.fixture(scope="session")
def server():
    with serving() as found:
        yield found


@pytest.fixture(scope="session")
def template(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("workshop")
    prepare(folder, server)
    return folder


@pytest.fixture
def workshop(template, tmp_path):
    for path in template.iterdir():
        if path.name == "adapters":
            (tmp_path / "adapters").symlink_to(path)
        else:
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, tmp_path / path.name)
    return tmp_path


@each_page
def test_every_block_is_of_a_kind_that_a_test_looks_at(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES


BOXED = {"program-tasks.md", "workbench.md"}
boxed = pytest.mark.skipif(not probe("bubblewrap").usable, reason="bubblewrap makes no box here")


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=boxed if p.name in BOXED else ()) for p in RUN], ids=lambda p: p.name
)
def test_the_blocks_of_a_page_run_in_their_order(page, workshop, server, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MY_KEY", "none")
    text = "".join(block.text for block in blocks(page, "bash"))
    if "reports/mine" in text and "ownbench init reports/mine" not in text:
        monkeypatch.chdir(workshop)
        assert run("ownbench init reports/mine")[0] == 0
    if "--until-decided" in text:  # such a run begins with a candidate that nothing was asked of yet
        for path in (workshop / "reports" / "candidate").iterdir():
            if path.name != "experiment.yaml":
                path.unlink()
    walk(page, workshop, lambda experiment: serve(experiment, server))


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize("name", ["first-experiment.md", "compare-adapters.md"])
def test_the_pages_that_run_models_run_with_the_real_ones(name, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for part in ("suites", "skills", "adapters"):
        (tmp_path / part).symlink_to(ROOT / part)
    report = tmp_path / "reports" / "gate-demo"
    report.mkdir(parents=True)
    shutil.copy(ROOT / "reports" / "gate-demo" / "experiment.yaml", report)
    walk(DOCS / name, tmp_path, lambda experiment: None, exact=True)


def test_the_script_of_the_workshop_is_no_perfect_model(template):
    """Else a page whose command breaks on failures, flips or escalations would pass."""
    found = harness.open_report(template / "reports" / "demo").scoreboard().to_json()["contenders"]
    rates = {one["name"]: one["pass_rate"]["value"] for one in found}
    assert len(rates) == 14
    assert 0 < rates["base"] < rates["tuned"] < rates["oracle"] <= 1
