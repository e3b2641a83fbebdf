"""What a model says of its entry is told by the report's own file."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core import ModelSpec, UserFileError
from harness.run.opening import prepare


@pytest.mark.parametrize("named", ["experiment.yaml", "models/m/config.json"])
async def test_an_entry_that_cannot_be_is_named_with_its_folder(tmp_path: Path, named: str) -> None:
    class Refusing:
        spec = ModelSpec(name="m", backend="vllm")

        async def prepare(self, adapters: Any) -> None:
            assert adapters == (tmp_path / "a",)
            raise UserFileError(named, "found 3", field="models.m.options.max_loras", advice="leave it out")

    assembled: Any = SimpleNamespace(report=tmp_path / "r", adapters={"m": (tmp_path / "a",)})
    model: Any = Refusing()
    with pytest.raises(UserFileError) as caught:
        await prepare(assembled, model)
    where = str(tmp_path / "r" / "experiment.yaml") if named == "experiment.yaml" else named
    assert str(caught.value) == f"{where}: models.m.options.max_loras: found 3; leave it out"
