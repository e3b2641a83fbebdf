"""How a training goes on: told while it runs, and counted over all the processes that it took."""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import UsageError, write_atomic

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """A moment of a training."""

    phase: str  # what is being done, in words
    step: int = 0
    steps: int = 0
    loss: float | None = None
    reward: float | None = None  # of ``grpo``: the mean of the answers since the last time
    tokens_per_s: float | None = None
    remaining_s: float | None = None  # at this rate
    usd: float | None = None  # spent on the machine so far; None where its hour has no price


class DivergedError(UsageError):
    """The weights came to no numbers: to go on from them is of no use."""


Listener = Callable[[TrainingProgress], None]


@dataclass(slots=True, kw_only=True)
class Spent:
    """Machine seconds of a training, those of processes that were killed included; kept in a file."""

    file: Path
    gpus: int  # that are kept busy; 0 on a CPU
    hour_usd: float | None
    before: dict[str, float] = field(default_factory=dict)
    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.process_time)

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError):
            self.before = {key: float(value) for key, value in json.loads(self.file.read_text("utf-8")).items()}

    @property
    def seconds(self) -> dict[str, float]:
        """Wall seconds and this machine's CPU seconds so far."""
        now = {"wall": time.monotonic() - self.wall, "cpu": time.process_time() - self.cpu}
        return {key: self.before.get(key, 0.0) + value for key, value in now.items()}

    @property
    def usd(self) -> float | None:
        """What the machine cost: its hours, by the GPUs where there are some."""
        return None if self.hour_usd is None else self.seconds["wall"] / _HOUR * self.hour_usd * max(1, self.gpus)

    def keep(self) -> None:
        """Writes it down, so that a process that is killed has been counted."""
        write_atomic(self.file, json.dumps(self.seconds))

    def card(self) -> dict[str, float | None]:
        """As a card says it."""
        usd, seconds = self.usd, self.seconds
        return {
            "gpu_seconds": round(seconds["wall"] * self.gpus, 1),
            "cpu_seconds": round(seconds["cpu"], 1),
            "training_usd": None if usd is None else round(usd, 4),
        }


def teller(spent: Spent, steps: int, tokens_a_step: float, tell: Listener) -> Any:
    """A callback of the trainer's that tells how it goes on, and raises DivergedError where the loss is no number."""
    from transformers import TrainerCallback

    class Teller(TrainerCallback):  # type: ignore[misc]
        began, first, loss, reward = 0.0, 0, None, None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            self.began, self.first = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            self.loss, self.reward = (logs or {}).get("loss", self.loss), (logs or {}).get("reward", self.reward)
            if self.loss is not None and not math.isfinite(self.loss):
                raise DivergedError(f"the loss is {self.loss} at step {state.global_step}; lower learning_rate")

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            done, passed = state.global_step - self.first, time.monotonic() - self.began
            spent.keep()
            tell(
                TrainingProgress(
                    phase="training",
                    step=state.global_step,
                    steps=steps,
                    loss=self.loss,
                    reward=self.reward,
                    tokens_per_s=done * tokens_a_step / passed,
                    remaining_s=(steps - state.global_step) * passed / done,
                    usd=spent.usd,
                )
            )

    return Teller()
