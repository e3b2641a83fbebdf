#!/usr/bin/env python
"""Builds the site of these pages into ``site/``: ``make docs``, or ``python docs/build.py``. Any warning ends it.

Pages link to one another as files of the repository. Those that stand elsewhere in it get a name on the site, and links
to them are rewritten; a link to any other file of the repository becomes its name, since the site does not hold it.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "adapters/README.md": "adapters.md",
}
"""Pages outside ``docs/`` and their names on the site."""


def gather(folder: Path, root: Path = ROOT) -> list[str]:
    """Copies every page and picture into ``folder``; the names of the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {f"docs/{path.name}": path.name for path in sorted((root / "docs").glob("*.md"))} | ELSEWHERE
    for source, name in sources.items():
        text = (root / source).read_text(encoding="utf-8")
        (folder / name).write_text(rewritten(text, source, sources), encoding="utf-8")
    shutil.copytree(root / "docs" / "images", folder / "images", dirs_exist_ok=True)
    shutil.copyfile(root / "docs" / "site.css", folder / "site.css")
    return sorted(sources.values())


def rewritten(text: str, source: str, sources: dict[str, str]) -> str:
    """A page with its links as they are on the site; code stays as it is."""

    def link(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if path in sources:
            return f"{label}({sources[path]}{mark}{anchor})"
        if path.startswith("docs/images/"):
            return f"{label}({path.removeprefix('docs/')})"
        return label.removeprefix("[").removesuffix("]")

    parts = re.split(r"(^```.*?^```$|`[^`\n]+`(?!\]))", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if i % 2 else re.sub(r"(!?\[[^\]\n]*\])\(([^)\s]+)\)", link, part) for i, part in enumerate(parts)
    )


def build(work: Path, out: Path, root: Path = ROOT) -> None:
    """Gathers into ``work`` and builds into ``out``, which is replaced.

    Raises:
        SystemExit: the builder is missing, or it warned, as of a link that leads nowhere.
    """
    shutil.rmtree(work, ignore_errors=True)
    gather(work / "pages", root)
    shutil.copyfile(root / "docs" / "zensical.toml", work / "zensical.toml")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(work / "zensical.toml")]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    if done.returncode or "Warning" in said:
        raise SystemExit(said.partition("Traceback")[0] or "the builder failed; is the extra docs installed?")
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work / "site", out)


def main(arguments: Sequence[str]) -> None:
    """The command line: nothing, or the folder to build into."""
    if len(arguments) > 1:
        raise SystemExit("usage: python docs/build.py [FOLDER]")
    out = Path(arguments[0]) if arguments else ROOT / "site"
    build(ROOT / "build" / "docs", out)
    sys.stdout.write(f"built {out}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
