"""What is taught as tokens: the prompts are those that the backend ``transformers`` sends, token by token."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import Message, ModelError, UsageError, UserFileError
from harness.model import Prompts
from harness.train.examples import Example, Preference
from harness.userfile import read_json_lines, read_text

TEXTS = (".txt", ".md")
Row = dict[str, Any]  # a row of the data set that a trainer reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Turns what is taught into tokens of one base. Each method raises UsageError: a place, and what is wrong there."""

    prompts: Prompts
    ends: frozenset[int]  # tokens that end an answer
    room: int | None  # tokens that the base reads and writes at most

    def prompt(self, messages: Sequence[Message], place: str, more: int = 0) -> list[int]:
        """A prompt's tokens, with room for ``more``."""
        return self._asked(messages, place, more)[1]

    def example(self, one: Example) -> Row:
        """``input_ids``, and ``labels`` that leave the prompt out of the loss."""
        text, prompt = self._asked(one.prompt, one.place)
        answer = self._answer(text, prompt, one.completion, one.place)
        return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}

    def preference(self, one: Preference) -> Row:
        """``prompt_ids``, ``chosen_ids`` and ``rejected_ids``."""
        text, prompt = self._asked(one.prompt, one.place)
        chosen, rejected = (self._answer(text, prompt, said, one.place) for said in (one.chosen, one.rejected))
        return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}

    def packed(self, texts: Iterable[str], length: int, seed: int) -> list[Row]:
        """Rows of ``length`` tokens of all texts one behind the other, in an order by ``seed``; each ends."""
        documents = [[*self.prompts.tokens(text), min(self.ends)] for text in texts]
        random.Random(seed).shuffle(documents)  # noqa: S311
        tokens = [token for document in documents for token in document]
        cuts = [tokens[at : at + length] for at in range(0, len(tokens), length)]
        return [{"input_ids": cut, "labels": list(cut)} for cut in cuts if len(cut) > 1]

    def _asked(self, messages: Sequence[Message], place: str, more: int = 0) -> tuple[str, list[int]]:
        try:
            text = self.prompts.render(messages)
        except ModelError as error:
            raise UsageError(f"{place}: {error}") from None
        prompt = self.prompts.tokens(text)
        if self.room is not None and len(prompt) + more >= self.room:
            least = f" and the answer may have {more:,}" if more else ""
            problem = f"the prompt has {len(prompt):,} tokens{least}, the base reads {self.room:,} at most"
            raise UsageError(f"{place}: {problem}; shorten it, or take it out")
        return text, prompt

    def _answer(self, text: str, prompt: list[int], said: str, place: str) -> list[int]:
        answer = self.prompts.answer_tokens(text, said, self.ends)
        if self.room is not None and (whole := len(prompt) + len(answer)) > self.room:
            problem = f"prompt and answer have {whole:,} tokens, the base reads {self.room:,} at most"
            raise UsageError(f"{place}: {problem}; shorten them, or take them out")
        return answer


def read_texts(path: Path) -> tuple[Example, ...]:
    """What ``cpt`` reads, as examples without a prompt: a text file, the ``text`` of JSON lines, a folder of texts.

    Raises UserFileError: there is nothing to read.
    """
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in TEXTS and p.is_file())
        found = [(file, read_text(file)) for file in files]
        texts = [Example(prompt=(), completion=text, place=str(file)) for file, text in found if text.strip()]
    elif path.suffix in TEXTS:
        text = read_text(path)
        texts = [Example(prompt=(), completion=text, place=str(path))] if text.strip() else []
    else:
        texts = []
        for at, line in read_json_lines(path):
            said = line.get("text")
            if not isinstance(said, str) or not said.strip():
                shown = json.dumps(sorted(line))[:80]
                raise UserFileError(path, f"found the keys {shown}, needed a text", field=f"line {at}.text")
            texts.append(Example(prompt=(), completion=said, place=f"{path}:{at}"))
    if not texts:
        kinds = " or ".join(TEXTS)
        raise UserFileError(
            path, "there is no text in it", advice=f"give a {kinds} file, JSON lines with text, or a folder"
        )
    return tuple(texts)
