"""All that one local model has loaded: the base with its adapters, and copies of it for adapters that change it.

An adapter whose embedding has other tokens than the base's, or that brings weights of the base's own, would change what
the base and the other adapters answer. So it gets a copy of the base, and the shared one stays as it is.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import Message
from harness.model.local_checks import check_folder
from harness.model.local_engine import Engine
from harness.model.local_fit import Fit, fit_adapter
from harness.model.local_prompt import Prompts


def fit_of(path: Path, base: Path) -> Fit:
    """What a run would find of the adapter in the folder ``path`` on the model in the folder ``base``.

    Raises:
        UserFileError: it would not take it.
    """
    return fit_adapter(path, base, _prompts(base, field=""))


class Shelf:
    """Engines and prompts by adapter. Weights are loaded from one thread only; prompts may be read from any.

    All of it raises `UserFileError` for files that are missing or broken, or do not go together.
    """

    def __init__(self, folder: Path, name: str, options: Mapping[str, Any]) -> None:
        """Loads nothing; ``options`` are device, dtype and threads."""
        self._folder, self._name, self._options = folder, name, {**options, "name": name}
        self._prompts: Prompts | None = None
        self._shared: Engine | None = None
        self._fits: dict[Path, Fit] = {}
        self._copies: dict[Path, Engine] = {}

    def prompts(self, adapter: Path | None = None) -> Prompts:
        """The chat template and tokenizer with which the base, or one of its adapters, is asked."""
        if self._prompts is None:
            self._prompts = _prompts(self._folder, field=f"models.{self._name}.path")
        fit = self._fits.get(adapter) if adapter is not None else None
        return self._prompts if fit is None or fit.prompts is None else fit.prompts

    def engine(self, adapter: Path | None = None) -> Engine:
        """The weights that answer with this adapter, or without one; the base is loaded at the first call."""
        if adapter in self._copies:
            return self._copies[adapter]
        if self._shared is None:
            self._shared = Engine(self._folder, self.prompts().tokenizer, **self._options)
        return self._shared

    def holds(self, adapter: Path | None = None) -> bool:
        """Whether the adapter is loaded, or any."""
        return bool(self._fits) if adapter is None else adapter in self._fits

    def add(self, path: Path) -> None:
        """Loads an adapter, on the shared base or on a copy of its own, unless it is loaded."""
        place = path.resolve()
        if place in self._fits:
            return
        engine = self.engine()
        fit = fit_adapter(path, self._folder, self.prompts())
        if fit.alone:
            engine = Engine(self._folder, (fit.prompts or self.prompts()).tokenizer, rows=fit.rows, **self._options)
        engine.add(fit)
        if fit.alone:
            self._copies[place] = engine
        self._fits[place] = fit

    def clear(self) -> None:
        """Lets go of all weights."""
        self._shared = None
        self._copies.clear()
        self._fits.clear()

    def probe(self, prompts: Sequence[Sequence[Message]]) -> tuple[str, ...]:
        """What a reader must know of the adapters, when each changes an answer and the base none of its own."""
        asked = {}
        for place in self._fits:
            reader = self.prompts(place)
            asked[place] = [reader.tokens(reader.render(messages)) for messages in prompts]
        for engine in (self.engine(), *self._copies.values()):
            engine.probe(asked)
        return tuple(f"model {self._name}: {note}" for fit in self._fits.values() for note in fit.notes)


def _prompts(folder: Path, *, field: str) -> Prompts:
    # set before the packages are imported: a local model never asks the network, and says nothing
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false")):
        os.environ.setdefault(name, value)
    check_folder(folder, field=field)
    return Prompts(folder)
