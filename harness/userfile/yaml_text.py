"""YAML's safe subset, bounded, without what only YAML 1.1 reads as a number."""

import re
from pathlib import Path
from typing import Any

import yaml

from harness.core import UserFileError
from harness.userfile.json_text import MAX_DEPTH

MAX_NODES = 250_000  # values in a file, each counted as often as aliases repeat it
READ_AGAIN = 200_000  # characters of a wrong file that the slower parser, whose complaints say more, reads as well
_PLAIN = {"found unhashable key": "found a list or a mapping as a key"}  # the library's words, and ours
_OCTAL = re.compile(r"[-+]?0[0-7_]+")  # 010 is eight to YAML 1.1, and 1:30 is ninety


def yaml_value(text: str, path: Path) -> Any:
    """What YAML holds. Raises UserFileError: not YAML, a key given twice, or too many or too deeply nested values."""
    try:
        return _loaded(text, path, _Fast)
    except yaml.MarkedYAMLError as error:
        found = error
    except (yaml.YAMLError, ValueError) as error:
        problem = "a number is too long" if "int_max_str_digits" in str(error) else str(error).splitlines()[0]
        raise UserFileError(path, f"not valid YAML: {problem}") from None
    if not isinstance(found, yaml.constructor.ConstructorError) and len(text) <= READ_AGAIN:
        try:
            return _loaded(text, path, _Plain)
        except yaml.MarkedYAMLError as error:
            found = error
        except (yaml.YAMLError, ValueError):
            pass
    mark, problem, context = found.problem_mark, str(found.problem or ""), str(found.context or "")
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    misplaced = "block end" in problem and not re.search("<(scalar|anchor|alias|tag)>", problem)
    if (
        "<document start>" in problem and "block" not in problem
    ):  # a second value after the first, as in a file of JSON lines
        problem = "there is more than one value in it; needed: one mapping of keys to values"
        raise UserFileError(path, problem, field=where, advice="name a file of YAML")
    problem = _PLAIN.get(problem, problem)
    advice = (
        (r"'\t'" in problem, "indent with spaces, not with tabs"),
        ("given twice" in problem, "keep one of the two"),
        ("would be read as" in problem, ""),
        ("quoted scalar" in context, "close the quotation mark"),
        ("flow" in context, "close the bracket that was opened before"),
        ("block mapping start" in problem or misplaced, "check the indentation"),
        (True, "quote texts that hold ': ' or begin with @ * & ! % `"),
    )
    told = next(text for holds, text in advice if holds)
    raise UserFileError(path, f"not valid YAML: {problem or found}", field=where, advice=told)


def _loaded(text: str, path: Path, loader: Any) -> Any:
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=loader)):  # one by one: a bottomless file is left early
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UserFileError(path, "nested too deeply", advice=f"at most {MAX_DEPTH} levels are read")
        if number > 2 * MAX_NODES:
            raise _too_many(path)
    reader = loader(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        _measure(node, path, {})
        return reader.construct_document(node)
    finally:
        reader.dispose()


def _measure(node: yaml.Node, path: Path, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Values in a node once its aliases are unfolded, and its levels."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise UserFileError(path, "an alias (*) is inside what it repeats", advice="write the values out")
        return found
    known[id(node)] = None
    pairs = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    count, levels = 1, 1
    for part in pairs:
        more, below = _measure(part, path, known)
        count, levels = count + more, max(levels, 1 + below)
        if count > MAX_NODES:
            raise _too_many(path)
    if levels > MAX_DEPTH:
        raise UserFileError(path, "nested too deeply", advice=f"at most {MAX_DEPTH} levels are read")
    known[id(node)] = count, levels
    return count, levels


def _too_many(path: Path) -> UserFileError:
    problem = f"holds more than {MAX_NODES:,} values, those that aliases (*) repeat counted each time"
    return UserFileError(path, problem, advice="write less into it")


class _Once:
    """A constructor for which a key may not be given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=deep)  # type: ignore[attr-defined]
            if isinstance(key, str | int | float | bool):
                if key in seen:
                    problem = f"the key {key!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key)
        return super().construct_mapping(node, deep=deep)  # type: ignore[misc,no-any-return]


def _plain_numbers(loader: Any) -> Any:
    """The loader's class, which now refuses numbers that only YAML 1.1 reads as such."""

    def checked(construct: Any) -> Any:
        def number(self: Any, node: yaml.ScalarNode) -> Any:
            text = self.construct_scalar(node)
            if ":" not in text and not _OCTAL.fullmatch(text):
                return construct(self, node)
            meant = "one number" if ":" in text else text.replace("_", "").lstrip("+").removeprefix("-").lstrip("0")
            problem = f"{text} would be read as {construct(self, node)}; write {meant or 0}, or quote it"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

        return number

    def day(self: Any, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError:  # a thirteenth month: the key that holds it can say more
            return self.construct_scalar(node)

    for tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        loader.add_constructor(tag, checked(loader.yaml_constructors[tag]))
    loader.add_constructor("tag:yaml.org,2002:timestamp", day)
    return loader


@_plain_numbers
class _Plain(_Once, yaml.SafeLoader):
    """YAML's safe subset."""


@_plain_numbers
class _Fast(_Once, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, where it is there: ten times as fast."""
