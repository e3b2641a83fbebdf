"""What an experiment says of its boxes. Loads none of what makes them."""

from typing import Any, Literal

from pydantic import Field

from harness.core import Limits
from harness.userfile import Strict, Text


class ActionRules(Strict):
    """Which tools an experiment's contenders may use at all."""

    allow: tuple[Text, ...] | None = None  # ``bash``, or ``bash(git:*)``; all that a contender has, where not given
    deny: tuple[Text, ...] = ()  # taken from these
    allowed_tools: Literal["note", "enforce"] = "note"
    """Of an opened skill: what they cover is told as allowed by it; or, ``enforce``, all else is refused."""


class SandboxOptions(Strict):
    """The entry ``sandbox`` of an experiment."""

    backend: Literal["auto", "bubblewrap", "podman", "docker"] = "auto"
    network: Literal["none"] = "none"
    memory_mb: int = Field(default=2048, ge=64, le=1 << 20)
    cpus: float = Field(default=1, gt=0, le=1024)
    disk_mb: int = Field(default=1024, ge=1, le=1 << 20)
    actions: ActionRules = ActionRules()

    def limits(self, **more: Any) -> Limits:
        """The limits of a box; ``more`` are those that no experiment sets, such as seconds."""
        return Limits(memory_mb=self.memory_mb, cpus=self.cpus, disk_mb=self.disk_mb, **more)
