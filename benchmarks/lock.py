"""Writes ``constraints.txt`` (versions and hashes of all that the extras bring) and ``versions.txt`` (versions alone).

No host's name is in either. pip takes no editable install where a constraint has a hash, so it gets the second file.

Versions stand still where they are pinned already; ``--upgrade`` lets all but torch move. `make lock` calls it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "constraints.txt"
VERSIONS = ROOT / "versions.txt"
EXTRAS = ("local", "api", "datasets", "app", "docs", "tune", "otel", "dev")
TORCH = "torch==2.13.0"
HEAD = """\
# Versions and hashes of everything that the extras {extras} bring, for Python 3.11.
# torch has no hash: builds for CPU and for GPU share its version. `make lock` writes this file.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that go together")
    upgrade = parser.parse_args().upgrade
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[a-z]+\])?(==[^\s\\]+)", LOCK.read_text(), flags=re.MULTILINE)
    held = [f"{name}{version}" for name, version in pinned if not upgrade and name != "torch"]
    with tempfile.TemporaryDirectory() as folder:
        pins, out = Path(folder) / "pins.txt", Path(folder) / "out.txt"
        pins.write_text("\n".join([TORCH, *held]) + "\n")
        links = os.environ.get("PIP_FIND_LINKS")
        command = [Path(sys.executable).parent / "uv", "pip", "compile", ROOT / "pyproject.toml", "--output-file", out]
        command += [part for extra in EXTRAS for part in ("--extra", extra)]
        command += ["--constraint", pins, "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
        command += ["--python-version", "3.11", *(("--find-links", links) if links else ("--torch-backend", "cpu"))]
        subprocess.run(command, check=True)
        text = out.read_text()
    text = re.sub(r"^torch==2\.13\.0\S* \\\n(?:    --hash=\S+(?: \\)?\n)+", f"{TORCH}\n", text, flags=re.MULTILINE)
    text = re.sub(r"^--?[a-z].*\n", "", text, flags=re.MULTILINE)  # options would name places
    LOCK.write_text(HEAD.format(extras=", ".join(EXTRAS[:-1]) + " and " + EXTRAS[-1]) + text)
    VERSIONS.write_text(versions(LOCK.read_text()))


def versions(lock: str) -> str:
    """The lock without hashes and extras: pip refuses the first where it installs a folder, the second always."""
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?(==[^\s\\;]+(?: *;[^\\\n]+)?)", lock, flags=re.MULTILINE)
    head = "# The versions of constraints.txt without its hashes, for pip. `make lock` writes this file.\n"
    return head + "".join(f"{name}{version}".rstrip() + "\n" for name, version in pins)


if __name__ == "__main__":
    main()
