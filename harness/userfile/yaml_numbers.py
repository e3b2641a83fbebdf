"""Numbers in YAML that mean something else than they look like: 010 is eight, and 1:30 is ninety."""

import re
from typing import Any

import yaml

_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def plain_numbers(loader: Any) -> Any:
    """The loader's class, which now refuses numbers that only YAML 1.1 reads as such."""
    for kind in ("int", "float"):
        tag = f"tag:yaml.org,2002:{kind}"
        loader.add_constructor(tag, _checked(loader.yaml_constructors[tag]))
    return loader


def _checked(construct: Any) -> Any:
    def number(self: Any, node: yaml.ScalarNode) -> Any:
        text = self.construct_scalar(node)
        if ":" not in text and not _OCTAL.fullmatch(text):
            return construct(self, node)
        meant = text.replace("_", "").lstrip("+").removeprefix("-").lstrip("0") if ":" not in text else "one number"
        problem = f"{text} would be read as {construct(self, node)}; write {meant or 0}, or quote it"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

    return number
