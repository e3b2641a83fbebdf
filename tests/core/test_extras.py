import re
import tomllib
from pathlib import Path

import pytest

from harness.core import install_line

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name not in {"dev", "docs"}])
def test_advice_names_the_packages_of_the_extra_and_never_the_distribution_itself(extra):
    line = install_line(extra)
    assert "ownbench" not in line
    wanted = {re.match(r"[\w-]+", one).group() for one in EXTRAS[extra]} - {"ownbench"}
    assert wanted <= set(re.findall(r"'([\w-]+)", line))


def test_the_core_has_a_line_too():
    assert "'httptools>=" in install_line()
    assert "torch" not in install_line()


def test_no_source_file_advises_a_package_that_no_index_has():
    named = [p for p in (ROOT / "harness").rglob("*.py") if re.search(r"install '?ownbench", p.read_text())]
    assert not named
