"""The door of a room whose modules are loaded when something of theirs is first asked for."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy_door(room: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for the ``__init__`` of a room; it offers what it imports for type checkers."""
    module = sys.modules[room]
    text = re.sub(r"#.*", "", Path(str(module.__file__)).read_text(encoding="utf-8"))
    # by expression, for every command starts here and the parser of Python takes longer than the rest of it
    imports = re.findall(rf"^\s+from ({re.escape(room)}\.[\w.]+) import (?:\(([^)]*)\)|(.+))$", text, re.MULTILINE)
    homes = {name: home for home, many, one in imports for name in re.findall(r"\w+", many or one)}

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        vars(module)[name] = value
        return value

    return found, lambda: sorted({*vars(module), *homes})
