"""The schema of ``context`` in ``experiment.yaml``: documents that contenders are shown parts of."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from harness.retrieval import unread
from harness.userfile import Count, Strict, Text, Whole

OVERLAP = 60  # tokens of the passage before, by default; of short passages a quarter


def refuse(*reasons: tuple[object, str]) -> None:
    """Raises ValueError with the text of the first reason that holds."""
    for holds, text in reasons:
        if holds:
            raise ValueError(text)


class ContextEntry(Strict):
    """Documents that a contender is shown parts of."""

    documents: Text  # a folder of documents, or one
    chunk_tokens: Annotated[Count, Field(le=100_000)] = 400  # of a passage; a token is taken for four characters
    overlap: Whole = OVERLAP  # tokens of the one before with which it begins; by default a quarter at most
    dedupe: bool = True  # of passages that say the same, the first alone is kept
    retrieve: Text = "bm25:5"
    """``bm25:K``: the K passages that fit the task best."""
    filter: dict[Text, Text] | None = None
    """By field of the documents' front matter: the value that it has to have; ``{{ domain }}`` is the task's."""

    @property
    def k(self) -> int:
        """How many passages a task is shown."""
        return int(self.retrieve.partition(":")[2])

    @field_validator("filter")
    @classmethod
    def _readable(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for key, text in (value or {}).items():
            part, advice = unread(text), "write {{ domain }}, {{ id }} or {{ metadata.KEY }}"
            refuse((part, f"{key} is {text!r}, and {part!r} names nothing of a task; {advice}"))
        return value

    @model_validator(mode="before")
    @classmethod
    def _fitting_overlap(cls, value: Any) -> Any:
        tokens = value.get("chunk_tokens") if isinstance(value, dict) and "overlap" not in value else None
        return value | {"overlap": tokens // 4} if isinstance(tokens, int) and 0 < tokens // 4 < OVERLAP else value

    @model_validator(mode="after")
    def _checked(self) -> "ContextEntry":
        name, _, k = self.retrieve.partition(":")
        fits = name == "bm25" and k.isascii() and k.isdigit() and 0 < int(k[:9]) <= 1_000
        half = self.chunk_tokens // 2
        refuse(
            (not fits, f"retrieve is {self.retrieve!r}, and K passages are found by bm25; write bm25:5"),
            (self.chunk_tokens < 20, f"chunk_tokens is {self.chunk_tokens}; give 20 or more"),
            (self.overlap > half, f"overlap is {self.overlap}; give at most {half}, half of chunk_tokens"),
        )
        return self
