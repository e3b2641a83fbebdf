"""What a tool that works in a box says of itself, and how what a command wrote is told to a model."""

from collections.abc import Mapping
from typing import Any

from harness.core import Box, BoxError, Done, Registry, Result, Tool, late

MOST_TOLD = 16_000  # characters of a result; beyond it the middle is left out
BINARY = 0.1  # share of a text's signs that are none, from which on it is not shown


class BoxTool:
    """One tool. A subclass says what it is called, what it takes, and does it."""

    name: str
    description: str
    parameters: Mapping[str, Any]  # the JSON schema of its arguments
    revision: int = 1  # raised where equal arguments come to do otherwise, for it is part of a contender's identity

    @property
    def tool(self) -> Tool:
        """What a model is told of it."""
        return Tool(name=self.name, description=self.description, parameters=self.parameters)

    def paths(self, arguments: Mapping[str, Any]) -> str:
        """The shell line that reads and runs the files which the tool reads and runs; nothing where it does neither."""
        return str(arguments.get("command", ""))

    def perform(self, box: Box, arguments: Mapping[str, Any]) -> Result:
        """What came of it; blocks. Raises WrongArgumentError, BoxError: the box is not usable."""
        raise NotImplementedError


BOX_TOOLS: Registry[BoxTool] = Registry(
    "tool", "harness.system.tools", lambda value: isinstance(value, BoxTool), group="ownbench.tools"
)


def schema(needed: Mapping[str, str], optional: Mapping[str, tuple[str, str]] | None = None) -> dict[str, Any]:
    """The JSON schema of texts that are needed, and of other arguments by type and description."""
    keys = {name: {"type": "string", "description": text} for name, text in needed.items()}
    keys |= {name: {"type": kind, "description": text} for name, (kind, text) in (optional or {}).items()}
    return {"type": "object", "properties": keys, "required": list(needed), "additionalProperties": False}


class WrongArgumentError(Exception):
    """An argument that a tool cannot use; the text is for the model."""


def text_of(arguments: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    """An argument that is a text, as UTF-8 has it. Raises WrongArgumentError: it is none."""
    value = arguments.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise WrongArgumentError(f"{name} must be a text{'' if empty else ' that is not empty'}.")
    return value.encode("utf-8", "replace").decode("utf-8")


def path_of(arguments: Mapping[str, Any]) -> str:
    """The argument ``path``, which no program takes for an option. Raises WrongArgumentError: it is no path."""
    path = text_of(arguments, "path")
    if "\0" in path or len(path.encode()) > 4_000:
        raise WrongArgumentError("path is no path.")
    return path if path.startswith("/") else f"./{path}"


def number_of(arguments: Mapping[str, Any], name: str) -> float | None:
    """An argument that is a positive number, where it is given. Raises WrongArgumentError: it is none."""
    value = arguments.get(name)
    if value is None:
        return None
    if isinstance(value, str):  # as small models write them
        try:
            value = float(value)
        except ValueError:
            value = -1
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise WrongArgumentError(f"{name} must be a number above 0.")
    return float(value)


def result_of(done: Done, text: str, bytes_in: int) -> Result:
    """The result of a command. Raises BoxError: the box died, by no doing of what ran in it."""
    if done.cause == "box died":
        raise BoxError("the box died while a command ran in it")
    return Result(
        text=text,
        exit_code=done.code,
        cause=done.cause,
        seconds=done.seconds,
        bytes_in=bytes_in,
        bytes_out=len(done.out) + len(done.err),
    )


def failure_of(done: Done) -> str:
    """Why a command of ours did not do what it was to do, in one line."""
    said = readable(done.err).strip()
    return said.splitlines()[-1][:300] if said else f"It failed: {done.cause or f'exit code {done.code}'}."


def readable(data: bytes) -> str:
    """What was written, without what moves a cursor or colours a line; of what is no text, that it is none."""
    text = data.decode("utf-8", "replace")
    odd = text.count("\ufffd") + text.count("\0")
    if odd > BINARY * len(text):
        return f"[{len(data):,} bytes that are no text]"
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))  # of a line written over, the last
    return _CONTROLS.sub("", "\n".join(lines))


_ESCAPES = late(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = late(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")


def shortened(text: str, most: int = MOST_TOLD) -> str:
    """The text, or its beginning and its end."""
    if len(text) <= most:
        return text
    left, half = len(text) - most, most // 2
    return f"{text[:half]}\n[… {left:,} characters left out …]\n{text[len(text) - half :]}"
