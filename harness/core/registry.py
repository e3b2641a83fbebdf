"""Plug-ins by name: values at the top of one folder's files, and entry points. Nothing a user writes names code."""

import importlib
import importlib.metadata
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any, TypeVar

from harness.core.errors import UsageError, nearest

DISTRIBUTION = "ownbench"
T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Plug-ins of one kind, found on first use. A broken one is a line in ``problems`` and does not stop the others."""

    def __init__(self, word: str, package: str, is_one: Callable[[Any], bool], *, group: str = "") -> None:
        """``word``: what messages call one; ``is_one`` knows one in the modules of ``package`` or the ``group``."""
        self.word, self.group = word, group
        self._package, self._is_one = package, is_one
        self.problems: dict[str, str] = {}  # by name: one line on an installed plug-in that cannot be used

    def __getitem__(self, name: str) -> T:
        found = self._found
        if name in self.problems:
            raise UsageError(self.problems[name])
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def refusal(self, name: str) -> str | None:
        """Why no plug-in of this name can be used, in one line that names the nearest; ``None`` where one can."""
        if name in self._found:
            return None
        return self.problems.get(name) or f"unknown {self.word} {name!r}; {nearest(name, self._found)}"

    @cached_property
    def _found(self) -> dict[str, T]:
        found: dict[str, T] = {}
        for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__):
            full = f"{self._package}.{module.name}"
            for value in list(vars(importlib.import_module(full)).values()):
                if self._is_one(value) and (not isinstance(value, type) or value.__module__ == full):
                    found[value.name] = value
        makers = dict.fromkeys(found, DISTRIBUTION)
        for maker, point in _offered(self.group) if self.group else ():
            other, what = makers.setdefault(point.name, maker), f"the {self.word} {point.name!r}"
            if other != maker:
                found.pop(point.name, None)
                self.problems[point.name] = f"{what} is offered by two packages, {other} and {maker}; uninstall one"
            elif point.name not in found and point.name not in self.problems:
                try:
                    value = point.load()
                    wrong = not self._is_one(value) or value.name != point.name
                    problem = f"is no {self.word} of that name ({point.value})" if wrong else ""
                except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever breaks in another's package is one line
                    said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                    problem = f"cannot be loaded ({said})"
                if problem:
                    self.problems[point.name] = f"{what} of the package {maker} {problem}; update or uninstall it"
                else:
                    found[point.name] = value
        return found


def _offered(group: str) -> Iterator[tuple[str, EntryPoint]]:
    """Entry points of a group with their distributions' names; the working folder, a stranger's perhaps, adds none."""
    here = Path.cwd()
    seen: dict[str, Distribution] = {}
    places = [place for place in sys.path if place and Path(place).resolve() != here]
    every = _installed(tuple(places))
    if not any(group in text for _, text in every):
        return  # as almost always: to parse everybody's metadata takes a tenth of a second
    for one, _ in every:
        name = one.metadata["Name"]
        if name and seen.setdefault(name, one) is one:
            yield from ((name, point) for point in one.entry_points if point.group == group)


@cache
def _installed(places: tuple[str, ...]) -> list[tuple[Distribution, str]]:
    """Distributions, each with what it says of its entry points."""
    every = importlib.metadata.distributions(path=[*places])
    return [(one, one.read_text("entry_points.txt") or "") for one in every]


def install_line(extra: str = "") -> str:
    """The command that brings an extra's packages, or the core's, by their names: the distribution is on no index."""
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    names = []
    for name, _, marker in (line.partition(";") for line in wanted):
        of = re.search(r"""extra == ["']([\w-]+)["']""", marker)
        if (of[1] if of else "") == extra:
            names.append(f"'{name.strip()}'")
    checkout = f"install the extra {extra!r} from the checkout: pip install -e '.[{extra}]'"
    return f"pip install {' '.join(names)}" if names else checkout
