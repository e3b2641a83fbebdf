from datetime import date
from pathlib import Path

import pytest

from harness.core import Price, UserFileError
from harness.cost import price_from

ENTRY = {"input_usd_per_million": 0.15, "cached_input_usd_per_million": 0.075, "output_usd_per_million": 0.60}


def test_the_price_of_the_documented_experiment():
    assert price_from(ENTRY) == Price(input=0.15, cached_input=0.075, output=0.6, source="experiment")


@pytest.mark.parametrize("when", ["2026-05-01", date(2026, 5, 1)])
def test_the_date_as_yaml_reads_it_and_quoted(when):
    assert price_from({"as_of": when, "output_usd_per_million": 3}).as_of == "2026-05-01"


def test_the_machine_by_the_hour():
    assert price_from(gpu_hour_usd=2.5) == Price(gpu_hour=2.5, source="experiment")
    assert price_from(gpu_hour_usd=0) == Price(gpu_hour=0.0, source="experiment")


def test_nothing_stated_is_no_price():
    assert price_from() is None


@pytest.mark.parametrize(
    ("entry", "texts"),
    [
        ({"input_usd_per_milion": 1}, ["price.input_usd_per_milion", "unknown key", "input_usd_per_million"]),
        ({"input_usd_per_million": -1}, ["price.input_usd_per_million", "-1"]),
        ({"input_usd_per_million": "1"}, ["price.input_usd_per_million", "'1'"]),
        ({"input_usd_per_million": True}, ["price.input_usd_per_million"]),
        ({"output_usd_per_million": float("nan")}, ["price.output_usd_per_million"]),
        ({"output_usd_per_million": float("inf")}, ["price.output_usd_per_million"]),
        ({"as_of": "last spring"}, ["price.as_of"]),
    ],
)
def test_a_wrong_price_is_named_by_file_and_field(entry, texts):
    with pytest.raises(UserFileError) as caught:
        price_from(entry, path=Path("e.yaml"), field="models.served")
    message = str(caught.value)
    assert message.startswith("e.yaml: models.served.")
    assert all(text in message for text in texts), message
    assert "\n" not in message


def test_both_kinds_of_price_at_once_are_refused():
    with pytest.raises(UserFileError, match="both price and gpu_hour_usd"):
        price_from(ENTRY, gpu_hour_usd=1.0)


def test_a_negative_hour_is_refused():
    with pytest.raises(UserFileError, match="gpu_hour_usd"):
        price_from(gpu_hour_usd=-1.0)
