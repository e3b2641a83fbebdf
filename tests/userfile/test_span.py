"""A number out of its bounds is told both of them, wherever the field stands."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from harness.core import UserFileError
from harness.userfile import Strict, parse

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Inner(Strict):
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    tries: Annotated[int, Field(ge=1, le=100)] | None = None


class Outer(Strict):
    inner: Inner = Inner()
    each: dict[str, Annotated[float, Field(gt=0.0, le=1.0)]] = Field(default_factory=dict)
    many: tuple[Inner, ...] = ()
    below: Annotated[float, Field(ge=0.0001, lt=0.5)] = 0.05
    share: Share | None = None
    one: Annotated[float, Field(gt=0.0)] = 1.0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"inner": {"level": 1.0}}, "inner.level: found the number 1.0; needed: a number above 0 and below 1"),
        ({"inner": {"level": 0.0}}, "inner.level: found the number 0.0; needed: a number above 0 and below 1"),
        ({"inner": {"tries": 0}}, "needed: a number from 1 up to 100"),
        ({"inner": {"tries": 101}}, "needed: a number from 1 up to 100"),
        ({"each": {"a": 2.0}}, "each.a: found the number 2.0; needed: a number above 0, up to 1"),
        ({"many": [{"tries": 1000}]}, "needed: a number from 1 up to 100"),
        ({"below": 0.9}, "needed: a number from 0.0001 to below 0.5"),
        ({"share": -1.0}, "needed: a number from 0 up to 1"),
        ({"one": 0.0}, "needed: a number above 0"),
    ],
)
def test_both_bounds_are_named(value, said):
    with pytest.raises(UserFileError) as error:
        parse(Outer, value, Path("f.yaml"))
    assert str(error.value).endswith(said if said.startswith("needed") else f"f.yaml: {said}")
