"""Values that a user writes, as schemas name them."""

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag


def _checked_name(name: str) -> str:
    if name != name.strip() or any(c < " " or c == "\x7f" for c in name):
        raise ValueError(f"the name {name[:60]!r} has a space at an end, or a control character; take it out")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_checked_name)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Whole = Annotated[int, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Truth = Annotated[bool, Field(strict=True)]
Rate = Annotated[
    Annotated[Positive, Tag("Number")] | Annotated[dict[Name, Positive], Tag("ByContender")],
    Discriminator(lambda value: "ByContender" if isinstance(value, dict) else "Number"),
]  # a number, or one by name; a wrong one is judged by what it was meant to be
