"""From messages to the text that a local model reads, by its own chat template; and what identifies model and template.

A template may have no place for a role. Then a ``system`` message stands at the head of the first user message, and a
``tool`` message is a user message. Whatever is shown is in `Prompts.render`; a text that the template would drop is an
error, because a skill that silently never arrives measures nothing.
"""

import contextlib
import json
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

from harness.adapter import base_digest, tokenizer_files
from harness.core import Cause, Message, ModelError, UserFileError, digest_bytes, digest_folder, digest_json
from harness.model.local_checks import check_tokenizer, unloadable

_VOCABULARIES = (".model", ".tiktoken", "tekken.json")
_SENTINEL = "sentinel text 7"


def local_digests(folder: Path) -> tuple[str, str]:
    """Digests of all in a model's folder that can change an answer, and of its template and tokenizer alone.

    The weights are hashed once a process. Raises UserFileError: the folder or its safetensors weights are missing.
    """
    files = [folder / name for name in ("config.json", "generation_config.json")]
    configuration = {file.name: digest_bytes(file.read_bytes()) for file in files if file.is_file()}
    template = digest_folder(folder, files=tokenizer_files(folder))
    return digest_json([base_digest(folder), configuration, template]), template


class Prompts:
    """One model's chat template and tokenizer, without its weights; a folder that lacks either raises UserFileError."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = _tokenizer(folder)
        self.template: Any = self.tokenizer.chat_template
        self.what = ""  # of an adapter: which of the two differ from the base's
        self.notes: tuple[str, ...] = ()  # of an adapter: which of its files are ignored
        self.known: dict[str, bool] = {}  # roles, and whether the template has a place for them
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
        own.known = {}
        if any(name == "tokenizer.json" or name.startswith("vocab.") or name.endswith(_VOCABULARIES) for name in files):
            own.tokenizer = _tokenizer(folder)
            own.template = own.tokenizer.chat_template or self.template
        else:
            own.template = _template(folder) or self.template
            if lost := [name for name in files if not name.startswith("chat_template")]:
                said = f"ignored but for a chat template, since no vocabulary is next to it: {', '.join(lost)}"
                own.notes = (f"the adapter {folder.name}: {said}",)
        moved = own.tokenizer is not self.tokenizer and own.tokenizer.get_vocab() != self.tokenizer.get_vocab()
        changed = {"tokenizer": moved, "chat template": own.template != self.template}
        own.what = " and ".join(name for name, differs in changed.items() if differs)
        return own

    def render(self, messages: Sequence[Message]) -> str:
        """The text that the model is asked to continue.

        Raises ModelError: ``request``, where the template refuses the messages or would drop the text of one.
        """
        if not messages:
            raise ModelError(Cause.REQUEST, "a request without messages")
        shown: list[dict[str, str]] = []
        joins = False  # the message before was moved, or this one is: two users in a row become one
        for message in messages:
            role, content = str(message.get("role")), _text(message)
            moved = role in {"system", "tool"} and not self.knows(role)
            role = "user" if moved else role
            if shown and (moved or joins) and role == shown[-1]["role"] == "user":
                content = f"{shown.pop()['content']}\n\n{content}"
            shown.append({"role": role, "content": content})
            joins = moved
        text = self._rendered(shown)
        for number, said in enumerate(shown, 1):
            if said["role"] != "assistant" and said["content"].strip() not in text:
                problem = f"the chat template drops the text of message {number} (role {said['role']})"
                raise ModelError(Cause.REQUEST, f"{problem}; fix the model's chat_template.jinja")
        return text

    def tokens(self, text: str) -> list[int]:
        """The rendered text as tokens; the template has already written every special one."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def knows(self, role: str) -> bool:
        """Whether the template has a place for ``system``, or for ``tool``."""
        if role not in self.known:
            user, said = {"role": "user", "content": "Go on."}, {"role": role, "content": _SENTINEL}
            talk = [said, user] if role == "system" else [user, {"role": "assistant", "content": "OPEN a"}, said]
            self.known[role] = False
            with contextlib.suppress(ModelError):
                self.known[role] = _SENTINEL in self._rendered(talk)
        return self.known[role]

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
    if message.get("tool_calls"):
        raise ModelError(Cause.REQUEST, "a local model has no tool calling; the conversation holds tool calls")
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        return "\n".join(str(part["text"]) for part in content)
    if isinstance(content, str):
        return content
    raise ModelError(Cause.REQUEST, f"a local model reads text only, found {type(content).__name__} as content")
