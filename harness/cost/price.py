"""Prices as a user states them in an experiment."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from harness.core import Price, UserFileError
from harness.userfile import Strict, parse

_Dollars = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]


class PriceEntry(Strict):
    """The ``price`` of a model in ``experiment.yaml``: US dollars per million tokens of each class, and their date.

    A class that is left out is unknown, not free. Write 0 for what costs nothing.
    """

    input_usd_per_million: _Dollars | None = None
    cached_input_usd_per_million: _Dollars | None = None
    cache_write_usd_per_million: _Dollars | None = None
    output_usd_per_million: _Dollars | None = None
    as_of: date | None = None


class _GpuHour(Strict):
    gpu_hour_usd: _Dollars


def price_from(
    entry: Mapping[str, Any] | None = None,
    *,
    gpu_hour_usd: float | None = None,
    path: Path = Path("experiment.yaml"),
    field: str = "",
) -> Price | None:
    """The price that an experiment states for a model, or ``None`` where it states none.

    Args:
        entry: the model's ``price``.
        gpu_hour_usd: the model's ``gpu_hour_usd``; then tokens cost nothing by themselves.
        path: the file, for messages.
        field: where the model stands in it, such as ``models.served``.

    Raises:
        UserFileError: an unknown key, something else than a number from 0 up, or both kinds of price at once.
    """
    if entry is not None and gpu_hour_usd is not None:
        advice = "keep price for a hosted model, gpu_hour_usd for one that runs on a machine of yours"
        raise UserFileError(path, "both price and gpu_hour_usd are given", field=field, advice=advice)
    if gpu_hour_usd is not None:
        hour = parse(_GpuHour, {"gpu_hour_usd": gpu_hour_usd}, path, field=field).gpu_hour_usd
        return Price(gpu_hour=hour, source="experiment")
    if entry is None:
        return None
    stated = parse(PriceEntry, entry, path, field=f"{field}.price" if field else "price")
    return Price(
        input=stated.input_usd_per_million,
        cached_input=stated.cached_input_usd_per_million,
        cache_write=stated.cache_write_usd_per_million,
        output=stated.output_usd_per_million,
        as_of=stated.as_of.isoformat() if stated.as_of else "",
        source="experiment",
    )
