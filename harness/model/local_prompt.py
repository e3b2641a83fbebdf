"""From messages to the text that a local model reads, by its own chat template; and what identifies model and template.

A template may have no place for a role. Then a ``system`` message stands at the head of the first user message, and a
``tool`` message is a user message. Whatever is shown is in `Prompts.render`; a text that the template would drop is an
error, because a skill that silently never arrives measures nothing.
"""

import contextlib
import json
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.adapter import base_digest, tokenizer_files
from harness.core import Cause, Message, ModelError, UserFileError, digest_bytes, digest_folder, digest_json
from harness.model.local_checks import check_tokenizer, unloadable

_VOCABULARIES = (".model", ".tiktoken", "tekken.json")
_SENTINEL = "sentinel text 7"


def template_digest(folder: Path) -> str:
    """Of the chat template and the tokenizer of the model in ``folder``: all that turns messages into tokens."""
    return digest_folder(folder, files=tokenizer_files(folder))


def local_digest(folder: Path) -> str:
    """Of everything in a model's folder that can change an answer: weights, configuration, tokenizer, template.

    The weights are hashed once a process.

    Raises:
        UserFileError: the folder or its safetensors weights are missing.
    """
    configuration = {
        name: digest_bytes((folder / name).read_bytes())
        for name in ("config.json", "generation_config.json")
        if (folder / name).is_file()
    }
    return digest_json([base_digest(folder), configuration, template_digest(folder)])


class Prompts:
    """One model's chat template and tokenizer, without its weights; a folder that lacks either raises UserFileError."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = _tokenizer(folder)
        self.template: Any = self.tokenizer.chat_template
        self.what = ""  # of an adapter: which of the two differ from the base's
        self.notes: tuple[str, ...] = ()  # of an adapter: which of its files are ignored
        if not self.template:
            advice = "put a chat_template.jinja next to the weights"
            raise UserFileError(folder, "its tokenizer has no chat template", advice=advice)

    def of_adapter(self, folder: Path, files: Sequence[str]) -> "Prompts | None":
        """What an adapter's own ``files`` make of these; ``None`` where it has none.

        Where they hold a template and no vocabulary, the tokenizer is the base's; where they hold no template, that is.
        """
        if not files:
            return None
        own = copy(self)
        if any(name == "tokenizer.json" or name.startswith("vocab.") or name.endswith(_VOCABULARIES) for name in files):
            own.tokenizer = _tokenizer(folder)
            own.template = own.tokenizer.chat_template or self.template
        else:
            own.template = _template(folder) or self.template
            lost = [name for name in files if not name.startswith("chat_template")]
            if lost:
                said = f"ignored but for a chat template, since no vocabulary is next to it: {', '.join(lost)}"
                own.notes = (f"the adapter {folder.name}: {said}",)
        changed = {
            "tokenizer": own.tokenizer is not self.tokenizer
            and own.tokenizer.get_vocab() != self.tokenizer.get_vocab(),
            "chat template": own.template != self.template,
        }
        own.what = " and ".join(name for name, differs in changed.items() if differs)
        for cached in ("knows_system", "knows_tool"):
            own.__dict__.pop(cached, None)
        return own

    def render(self, messages: Sequence[Message]) -> str:
        """The text that the model is asked to continue.

        Raises:
            ModelError: ``request``, where the template refuses the messages or would drop the text of one.
        """
        plain = [{"role": str(m.get("role")), "content": _text(m)} for m in messages]
        if not plain:
            raise ModelError(Cause.REQUEST, "a request without messages")
        shown = self._in_known_roles(plain)
        text = self._rendered(shown)
        for number, message in enumerate(shown, 1):
            if message["role"] != "assistant" and message["content"].strip() not in text:
                problem = f"the chat template drops the text of message {number} (role {message['role']})"
                raise ModelError(Cause.REQUEST, f"{problem}; fix the model's chat_template.jinja")
        return text

    def tokens(self, text: str) -> list[int]:
        """The rendered text as tokens; the template has already written every special one."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    @cached_property
    def knows_system(self) -> bool:
        """The template has a place for ``system``."""
        return self._shows([{"role": "system", "content": _SENTINEL}, {"role": "user", "content": "Go on."}])

    @cached_property
    def knows_tool(self) -> bool:
        """The template has a place for ``tool``."""
        before = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "OPEN a"}]
        return self._shows([*before, {"role": "tool", "content": _SENTINEL}])

    def _in_known_roles(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        """The same texts, in roles that the template has a place for; joined where that puts two users in a row."""
        shown: list[dict[str, str]] = []
        joins = False  # the message before was moved, or this one is: two users in a row become one
        for message in messages:
            role = message["role"]
            moved = (role == "system" and not self.knows_system) or (role == "tool" and not self.knows_tool)
            role = "user" if moved else role
            if shown and (moved or joins) and role == shown[-1]["role"] == "user":
                shown[-1] = {"role": "user", "content": f"{shown[-1]['content']}\n\n{message['content']}"}
            else:
                shown.append({"role": role, "content": message["content"]})
            joins = moved
        return shown

    def _shows(self, messages: list[dict[str, str]]) -> bool:
        try:
            return _SENTINEL in self._rendered(messages)
        except ModelError:
            return False

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            text: str = self.tokenizer.apply_chat_template(
                messages, chat_template=self.template, tokenize=False, add_generation_prompt=True
            )
        except (TemplateError, ValueError, TypeError, KeyError) as error:
            roles = ", ".join(m["role"] for m in messages)
            raise ModelError(Cause.REQUEST, f"the chat template refuses the roles {roles}: {error}") from None
        return text


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoConfig, AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - tokenizers raises plain exceptions
        check_tokenizer(folder)
        if (folder / "config.json").is_file():  # which it reads first
            try:
                AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            except Exception as wrong:  # noqa: BLE001
                raise unloadable(folder, wrong) from None
        found = ", ".join(sorted(file.relative_to(folder).as_posix() for file in tokenizer_files(folder)))
        problem = f"no tokenizer can be made of its files ({found})"
        if isinstance(error, ImportError):
            problem += f": {' '.join(str(error).split())[:200]}"
        raise UserFileError(folder, problem, advice="copy the model's tokenizer files again") from None


def _template(folder: Path) -> str | None:
    """The chat template of a folder that has no vocabulary."""
    with contextlib.suppress(OSError):
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        written = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template")
        return written if isinstance(written, str) else None
    return None


def _text(message: Message) -> str:
    """A message's text."""
    if message.get("tool_calls"):
        raise ModelError(Cause.REQUEST, "a local model has no tool calling; the conversation holds tool calls")
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        return "\n".join(str(part["text"]) for part in content)
    if isinstance(content, str):
        return content
    raise ModelError(Cause.REQUEST, f"a local model reads text only, found {type(content).__name__} as content")
