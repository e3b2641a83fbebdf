"""Regular expressions that are compiled when they are first used: those of a room take longer than all else in it."""

import re
from typing import Any, cast


def late(text: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern, of which the methods are used and nothing else."""
    return cast("re.Pattern[str]", _Late(text, flags))


class _Late:
    def __init__(self, text: str, flags: int) -> None:
        self._asked = text, flags

    def __getattr__(self, name: str) -> Any:
        pattern = re.compile(*self._asked)
        for known in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split"):
            setattr(self, known, getattr(pattern, known))
        return getattr(pattern, name)
