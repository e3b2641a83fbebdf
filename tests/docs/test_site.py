"""The site builds without a warning, holds every page, and asks no other machine for anything."""

import contextlib
import functools
import http.server
import importlib.util
import re
import shutil
import threading
import tomllib

import pytest
from pages import DOCS, PAGES, ROOT

built_here = pytest.mark.skipif(
    importlib.util.find_spec("zensical") is None, reason="the extra docs is not installed: make docs"
)
LATER: set[str] = set()
"""Pages that the navigation may name before they are written."""


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder / "work", folder / "site")
    return folder / "site"


def navigation():
    parts = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    return [name for part in parts for entries in part.values() for entry in entries for name in entry.values()]


def test_the_navigation_names_every_page_once(build):
    names = navigation()
    assert len(names) == len(set(names))
    there = {path.name for path in DOCS.glob("*.md")} | set(build.ELSEWHERE.values())
    assert there - set(names) == set()
    assert set(names) - there <= LATER


def test_every_page_is_reached_by_a_link_of_another():
    """In the repository there is no navigation: a page that nothing links to is never read."""
    linked = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s#]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                linked.add((page.parent / target).resolve())
    assert {path for path in DOCS.glob("*.md") if path.name not in LATER} - linked == set()


def test_links_are_rewritten_to_where_the_site_has_the_page(build):
    sources = {"docs/gate.md": "gate.md", **build.ELSEWHERE}

    def at(source, text):
        return build.rewritten(text, source, sources)

    assert at("README.md", "see [the gate](docs/gate.md#rules)") == "see [the gate](gate.md#rules)"
    assert at("docs/gate.md", "[us](../CONTRIBUTING.md), [it](gate.md)") == "[us](contributing.md), [it](gate.md)"
    assert at("adapters/README.md", "[start](../README.md)") == "[start](index.md)"
    assert at("README.md", "![a figure](docs/images/a.png)") == "![a figure](images/a.png)"
    assert at("adapters/README.md", "[the recipe](recipe/tune.py)") == "the recipe"
    for kept in (
        "[x](https://example.org/a.md)",
        "[x](#here)",
        "`[x](docs/gate.md)`",
        "```text\n[x](docs/gate.md)\n```",
    ):
        assert at("README.md", kept) == kept


@built_here
def test_the_site_holds_every_page_and_names_no_other_host(site):
    for page in (name for name in navigation() if name not in LATER):
        text = (site / page.replace(".md", ".html")).read_text(encoding="utf-8")
        assert "```" not in re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL), f"{page}: a fence is not rendered"
        loaded = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?(https?:)?//", text)
        assert not loaded, page
    assert (site / "search.json").stat().st_size > 10_000


@built_here
def test_a_broken_link_ends_the_build(build, tmp_path):
    root = tmp_path / "root"
    for name in build.ELSEWHERE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    shutil.copytree(DOCS / "images", root / "docs" / "images")
    for name in ("zensical.toml", "site.css"):
        shutil.copy(DOCS / name, root / "docs")
    (root / "docs" / "gate.md").write_text("# The gate\n\n[here](#no-such-place)\n")
    with pytest.raises(SystemExit, match="anchor does not exist"):
        build.build(tmp_path / "work", tmp_path / "site", root)


@built_here
@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_asks_no_other_machine_and_finds_what_it_searches(site, scheme, size):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    asked, complaints = [], []
    with serving(site) as url, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        for name in ("index", "read-the-statistics", "reference-commands"):
            page.goto(f"{url}/{name}.html")
            page.wait_for_load_state("networkidle")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size[0], f"{name} is {wide} wide"
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shade = sum(int(part) for part in re.findall(r"\d+", background)[:3]) / 3
        assert (shade < 80) == (scheme == "dark"), background
        page.keyboard.press("/")
        page.keyboard.type("non-inferior")
        page.get_by_text("The gate").last.wait_for()
        browser.close()
    assert complaints == []
    assert asked
    assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []


@contextlib.contextmanager
def serving(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_build_is_what_make_docs_calls():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "docs/build.py" in makefile
    assert "site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
