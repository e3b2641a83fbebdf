"""What the in-process engine's probes judge, row by row."""

from pathlib import Path

import pytest

from harness.core import UserFileError
from harness.model.vllm_probe import check_together

FOLDER = Path("base")
ALONE = {"the base": [{1: -1.0}, {1: -2.0}], "a": [{1: -1.5}, {1: -2.5}], "b": [{1: -1.9}, {1: -2.9}]}


def test_an_adapter_that_only_the_first_row_of_a_batch_gets_is_found():
    mixed = ALONE | {"a": [{1: -1.5}, {1: -2.0}]}
    with pytest.raises(UserFileError, match="for several at once, vLLM answers for a as for the base; use another"):
        check_together(ALONE, mixed, FOLDER)


@pytest.mark.parametrize("drift", [0.0, 0.015, 0.1])
def test_noise_of_a_batch_is_told_from_mixing(drift):
    mixed = {name: [{1: row[1] + drift} for row in rows] for name, rows in ALONE.items()}
    notes = check_together(ALONE, mixed, FOLDER)
    assert len(notes) == (3 if drift > 0.02 else 0)
