"""What continuous integration calls: it installs what it may, says by name what it could not, and then tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "run"
TOOLS = ("chromium", "bwrap", "podman", "runc")


@pytest.fixture
def run(tmp_path):
    """The script among programs that only note what they were asked, of which some are not there."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci" / "run")
    programs, asked = tmp_path / "bin", tmp_path / "asked"
    programs.mkdir()
    for name in ("bash", "env", "dirname"):
        (programs / name).symlink_to(shutil.which(name))

    def fake(name, body="exit 0"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {asked}\n{body}\n')
        (programs / name).chmod(0o755)

    def ran(*there, user=0, apt="exit 0", make="exit 0"):
        fake("make", make)
        fake("id", f"echo {user}")
        for name in there:
            fake(name)
        if apt is not None:
            fake("apt-get", apt)
        done = subprocess.run(
            [tmp_path / ".ci" / "run"], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
        )
        lines = [line for line in asked.read_text().splitlines() if not line.startswith("id ")]
        return done, lines

    return ran


def test_what_is_missing_is_installed_before_the_tests(run):
    done, asked = run()
    installed = [line.split()[-1] for line in asked if line.startswith("apt-get install")]
    assert installed == ["fonts-liberation", "bubblewrap", "podman", "runc"]
    assert asked[-2:] == ["make check", "make test"]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_there_is_left_alone(run):
    _, asked = run(*TOOLS)
    assert asked == ["make check", "make test"]


def test_what_cannot_be_installed_is_named_and_the_tests_run(run):
    done, asked = run(apt="exit 100")
    assert asked[-2:] == ["make check", "make test"]
    assert done.stdout.splitlines() == [f"{tool} could not be installed: its tests skip" for tool in TOOLS]
    assert done.returncode == 0


@pytest.mark.parametrize("how", [{"user": 1000}, {"apt": None}])
def test_without_root_or_without_apt_nothing_is_installed(run, how):
    done, asked = run(**how)
    assert asked == ["make check", "make test"]
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"{tool} is not here: its tests skip" for tool in TOOLS]


def test_a_failing_check_is_its_end(run):
    done, asked = run(*TOOLS, make='test "$1" = test')
    assert asked == ["make check"]
    assert done.returncode != 0
