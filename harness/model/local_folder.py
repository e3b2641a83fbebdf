"""A local model's folder before its weights are loaded: what is wrong in it, what identifies it, and how it is asked.

Where a chat template has no place for a role, a ``system`` message stands at the head of the first user message, and a
``tool`` message is a user message. A text that the template would drop is an error: a skill that silently never arrives
measures nothing.
"""

import contextlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from harness.adapter import Shapes, base_digest, base_shapes, tokenizer_files
from harness.core import (
    Cause,
    ModelError,
    ModelSpec,
    Tool,
    ToolCall,
    UserFileError,
    digest_bytes,
    digest_folder,
    digest_json,
    nearest,
)
from harness.model.local_choose import sampling_of
from harness.model.reasoning import opened_by, separated
from harness.model.tool_calls import as_functions, reader_of, why_no_tools
from harness.userfile import read_text

OPTIONS = {"batch_size": 64, "batch_tokens": 16384, "threads": None, "device": None, "dtype": None, "reasoning": None,
           "tools": None}  # fmt: skip
"""Every option of a local model, and what it is where nothing is said."""
_DTYPES = ("float32", "float64", "bfloat16", "float16", "auto")
_DEVICE = re.compile(r"cpu|(?:cuda|mps|xpu)(?::(?:0|[1-9]\d?))?")
_MOST = {"batch_size": 1_000_000, "batch_tokens": 1_000_000_000, "threads": 1024}
_FILES = ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
          "added_tokens.json")  # fmt: skip
_VOCABULARIES = (".model", ".tiktoken", "tokenizer.json", "tekken.json", "vocab.json", "vocab.txt")
_BY_BYTES = ("ByT5", "MyT5", "Canine", "Perceiver")  # tokenizers that have no vocabulary
_LARGEST = 256_000_000
_EMBEDDING = "model.embed_tokens.weight"
_LAYER = re.compile(r"model\.layers\.(\d{1,9})\.")


def wrong_setting(spec: ModelSpec) -> tuple[str, str] | None:
    """The first setting of a local model that cannot be, and what is wrong with it; ``None`` where all can."""
    for name, value in spec.options.items():
        if name not in OPTIONS and value is not False:  # what is not asked for, such as tools, is not missed
            return name, f"a local model has no such option; {nearest(name, OPTIONS)}"
        if name in _MOST and value is not None and (type(value) is not int or not 1 <= value <= _MOST[name]):
            return name, f"found {value!r}, needed a whole number from 1 to {_MOST[name]:,}"
    if wrong := wrong_tools(spec):
        return wrong
    device, dtype = spec.options.get("device"), spec.options.get("dtype")
    if device is not None and not (isinstance(device, str) and _DEVICE.fullmatch(device)):
        known = "cpu, cuda, cuda:N, mps or xpu"
        return "device", f"found {device!r}, needed {known}; leave it out to take a GPU where there is one"
    if dtype is not None and dtype not in _DTYPES:
        return "dtype", f"found {dtype!r}, needed one of {', '.join(_DTYPES)}"
    try:
        sampling_of(spec.sampling)
    except ModelError as error:
        return "sampling", str(error).removeprefix("sampling: ")
    return None


def wrong_tools(spec: ModelSpec) -> tuple[str, str] | None:
    """What is wrong with ``tools: true`` of a model whose chat template has no way to call them."""
    folder, asked = Path(spec.model), spec.options.get("tools")
    if asked and folder.is_dir() and (why := why_no_tools(folder, template_of(folder) or "")):
        return "tools", f"{why}; leave it out, and tools are offered by text"
    return None


def calls_tools(spec: ModelSpec) -> bool:
    """Whether a model calls tools as its chat template has it; else they are offered by text."""
    folder = Path(spec.model)
    return spec.options.get("tools") is not False and not why_no_tools(folder, template_of(folder) or "")


def check_folder(folder: Path, *, field: str = "") -> None:
    """Returns when a folder holds weights, configuration and tokenizer that go together; else raises UserFileError."""
    if not folder.is_dir():
        raise UserFileError(folder, "there is no such model folder", field=field)
    shapes = base_shapes(folder)
    if (strayed := folder / "adapter_config.json").is_file():
        problem = "this folder holds a model and an adapter, and transformers would load the adapter"
        raise UserFileError(strayed, problem, advice="move the adapter to a folder of its own")
    config = _mapping(folder / "config.json", "copy the model's config.json next to its weights")
    check_tokenizer(folder)
    if (file := folder / "generation_config.json").is_file():
        told = _mapping(file)
        ends, longest = told.get("eos_token_id"), told.get("max_new_tokens")
        numbers = ends if isinstance(ends, list) else [ends]
        if ends is not None and not (numbers and all(type(end) is int for end in numbers)):
            raise UserFileError(file, f"found {ends!r}, needed a token's number, or a list", field="eos_token_id")
        if longest is not None and (type(longest) is not int or longest < 1):
            raise UserFileError(file, f"found {longest!r}, needed a whole number from 1", field="max_new_tokens")
    _check_shapes(folder / "config.json", config, shapes)


def check_tokenizer(folder: Path) -> None:
    """Returns when a folder's files for texts and tokens can be read. Raises UserFileError: it names one."""
    held = {name: _mapping(folder / name) for name in _FILES if (folder / name).is_file()}
    kind = str(held.get("tokenizer_config.json", {}).get("tokenizer_class"))
    vocabulary = any(file.name.endswith(_VOCABULARIES) for file in tokenizer_files(folder))
    if not vocabulary and not kind.startswith(_BY_BYTES):
        advice = "copy the model's tokenizer files next to its weights"
        raise UserFileError(folder, "holds no tokenizer (tokenizer.json or tokenizer.model)", advice=advice)
    for key, shape in (("model", dict), ("added_tokens", list)):
        if "tokenizer.json" in held and not isinstance(held["tokenizer.json"].get(key), shape):
            problem = "not readable" if key in held["tokenizer.json"] else "this is no tokenizer: it has no such key"
            raise UserFileError(folder / "tokenizer.json", problem, field=key, advice="copy it again")


def unloadable(base: Path, error: Exception) -> UserFileError:
    """What to say of a base that transformers does not load: mostly, what its configuration says of it."""
    from importlib.metadata import version

    place, by = base / "config.json", f"transformers {version('transformers')}"
    kind, said = json.loads(place.read_text(encoding="utf-8")).get("model_type"), " ".join(str(error).split())
    if "out of memory" in said.lower() or "not enough memory" in said.lower():
        return UserFileError(base, "the model does not fit into this machine's memory", advice="take a smaller dtype")
    if isinstance(kind, str) and ("does not recognize this architecture" in said or "onfiguration class" in said):
        problem = f"found {kind!r}, of which {by} makes no language model"
        return UserFileError(place, problem, field="model_type", advice="update transformers, or take another base")
    if type(error).__name__ == "SafetensorError":
        return UserFileError(base, f"its weights cannot be read ({said[:200]})", advice="copy them again")
    if kind is None:
        return UserFileError(place, "is missing", field="model_type", advice="copy the model's config.json again")
    if isinstance(error, ImportError):
        return UserFileError(place, f"{by} needs another package for it", advice=said[:200])
    problem = f"{by} cannot make a {kind} model of this ({type(error).__name__}: {said[:200]})"
    return UserFileError(place, problem, advice="copy the model's config.json again")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings of the packages that load weights."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mapping(file: Path, advice: str = "copy it again") -> dict[str, Any]:
    if not file.is_file():
        raise UserFileError(file, "there is no such file", advice=advice)
    try:
        found = json.loads(read_text(file, most=_LARGEST))
    except (ValueError, RecursionError):
        raise UserFileError(file, "not valid JSON", advice=advice) from None
    if not isinstance(found, dict):
        raise UserFileError(file, "found no mapping of keys to values", advice=advice)
    return found


def _check_shapes(file: Path, config: Mapping[str, Any], shapes: Shapes) -> None:
    """The weights have the embedding and no more layers than the configuration says: what it leaves out is not used."""
    said, found = (config.get("vocab_size"), config.get("hidden_size")), shapes.get(_EMBEDDING)
    plain = "quantization_config" not in config and all(type(n) is int for n in said)  # others are packed
    if found is not None and plain and found != said:
        problem = f"vocab_size and hidden_size are {said[0]} and {said[1]}, and {_EMBEDDING} is {list(found)}"
        raise UserFileError(file, problem, advice="take configuration and weights from one model")
    layers = 1 + max((int(m[1]) for name in shapes if (m := _LAYER.match(name))), default=-1)
    used, more = config.get("num_hidden_layers"), config.get("num_nextn_predict_layers") or 0  # those are for speed
    if type(used) is int and type(more) is int and used + more < layers:
        problem = f"found {used}, and the weights have {layers} layers, so that some would not be used"
        raise UserFileError(file, problem, field="num_hidden_layers", advice=f"write {layers}")


# ---------------------------------------------------------------------------------------------- how it is asked

_VOCABULARY = (".model", ".tiktoken", "tekken.json")
_SENTINEL = "sentinel text 7"


def local_digests(folder: Path) -> tuple[str, str]:
    """Digests of all in a model's folder that can change an answer, and of its template and tokenizer alone."""
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
        self._end: int | None = None  # what the template writes behind an answer, once it was looked for
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
        if any(name == "tokenizer.json" or name.startswith("vocab.") or name.endswith(_VOCABULARY) for name in files):
            own.tokenizer = _tokenizer(folder)
            own.template = own.tokenizer.chat_template or self.template
        else:
            own.template = template_of(folder) or self.template
            if lost := [name for name in files if not name.startswith("chat_template")]:
                said = f"ignored but for a chat template, since no vocabulary is next to it: {', '.join(lost)}"
                own.notes = (f"the adapter {folder.name}: {said}",)
        moved = own.tokenizer is not self.tokenizer and own.tokenizer.get_vocab() != self.tokenizer.get_vocab()
        changed = {"tokenizer": moved, "chat template": own.template != self.template}
        own.what = " and ".join(name for name, differs in changed.items() if differs)
        return own

    def render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool] = ()) -> str:
        """The text that the model continues. Raises ModelError: the template refuses a message, or drops a text."""
        if not messages:
            raise ModelError(Cause.REQUEST, "a request without messages")
        shown: list[dict[str, Any]] = []
        joins = False  # the message before was moved, or this one is: two users in a row become one
        for message in messages:
            role, content = str(message.get("role")), _text(message)
            called = role == "tool" and bool(message.get("tool_call_id"))
            moved = role in {"system", "tool"} and not self.knows("result" if called else role)
            role = "user" if moved else role
            if shown and (moved or joins) and role == shown[-1]["role"] == "user":
                content = f"{shown.pop()['content']}\n\n{content}"
            shown.append({"role": role, "content": content, **_calls(message)})
            joins = moved
        text = self._rendered(shown, tools)
        names = [
            *(tool.name for tool in tools),
            *(c["function"]["name"] for m in shown for c in m.get("tool_calls", ())),
        ]
        if lost := [name for name in names if name not in text]:
            problem = f"the chat template drops the tool {lost[0]}"
            raise ModelError(Cause.REQUEST, f"{problem}; write tools: false, and tools are offered by text")
        for number, said in enumerate(shown, 1):
            content = said["content"].strip()
            dropped = content not in text and json.dumps(content, ensure_ascii=False)[1:-1] not in text
            if said["role"] != "assistant" and dropped:
                problem = f"the chat template drops the text of message {number} (role {said['role']})"
                raise ModelError(Cause.REQUEST, f"{problem}; fix the model's chat_template.jinja")
        return text

    def tokens(self, text: str) -> list[int]:
        """The rendered text as tokens; the template has already written every special one."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def answer_tokens(self, prompt: str, answer: str, ends: frozenset[int]) -> list[int]:
        """What the model has to write behind a rendered prompt to give this answer, its end token included."""
        before, whole = self.tokens(prompt), self.tokens(prompt + answer)
        said = whole[len(before) :] if whole[: len(before)] == before else self.tokens(answer)
        if self._end is None:
            user, spoken = {"role": "user", "content": "Go on."}, {"role": "assistant", "content": _SENTINEL}
            behind = self.tokens(self._rendered([user, spoken], asking=False).rpartition(_SENTINEL)[2])
            own = [self.tokenizer.eos_token_id] if self.tokenizer.eos_token_id in ends else sorted(ends)
            self._end = next(token for token in [*behind, *own] if token in ends)
        return [*said, self._end]

    def letters(self, letters: Sequence[str]) -> dict[str, list[int]]:
        """Of each letter the tokens that are it alone, with or without a space before it."""
        unknown, found = self.tokenizer.unk_token_id, dict[str, list[int]]()
        for letter in letters:
            written = (self.tokens(before + letter) for before in ("", " "))
            found[letter] = sorted({one[0] for one in written if len(one) == 1 and one[0] != unknown})
        return found

    def knows(self, role: str) -> bool:
        """Whether the template has a place for ``system``, for ``tool``, or for the ``result`` of a tool call."""
        if role not in self.known:
            user, said = {"role": "user", "content": "Go on."}, {"role": role, "content": _SENTINEL}
            call = {"id": "a12345678", "type": "function", "function": {"name": "a", "arguments": {}}}
            asked = {"role": "assistant", "content": "", "tool_calls": [call]}
            talks: dict[str, list[dict[str, Any]]] = {
                "system": [said, user],
                "tool": [user, {"role": "assistant", "content": "OPEN a"}, said],
                "result": [user, asked, said | {"role": "tool", "tool_call_id": call["id"]}],
            }
            self.known[role] = False
            with contextlib.suppress(ModelError):
                self.known[role] = _SENTINEL in self._rendered(talks[role])
        return self.known[role]

    def read(self, raw: str, prompt: str, tools: Sequence[Tool], *, keep: bool) -> tuple[str, str, list[ToolCall]]:
        """What was thought, what was said, and the calls in an answer with its special tokens to a rendered prompt."""
        told = getattr(self.tokenizer, "response_template", None) if tools else None
        find = reader_of(self.template if tools else "", told)
        thought, rest = ("", raw) if told else separated(raw, opened=opened_by(prompt))
        head = ""
        if keep:  # what was thought stays in the text, and a call that was only thought of is none
            place = max(0, raw.rfind(rest))
            head, rest, thought = raw[:place], raw[place:], ""
        text, calls = find(rest, prompt, tools)
        text = head + text
        if told and not keep:  # it knows reasoning by itself
            thought, text = separated(text)
        return self._plain(thought), self._plain(text), calls

    def _plain(self, text: str) -> str:
        """A text without its special tokens."""
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, "")
        return text.strip()

    def _rendered(self, messages: list[dict[str, Any]], tools: Sequence[Tool] = (), *, asking: bool = True) -> str:
        from jinja2 import TemplateError

        try:
            text: str = self.tokenizer.apply_chat_template(
                messages,
                tools=as_functions(tools) or None,
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=asking,
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


def template_of(folder: Path) -> str | None:
    """The chat template in a folder's files; ``None`` where they hold none, or several."""
    with contextlib.suppress(OSError):
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        written = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template")
        return written if isinstance(written, str) else None
    return None


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        return "\n".join(str(part["text"]) for part in content)
    if isinstance(content, str):
        return content
    raise ModelError(Cause.REQUEST, f"a local model reads text only, found {type(content).__name__} as content")


def _calls(message: Mapping[str, Any]) -> dict[str, Any]:
    """What else a chat template reads of a message: calls, their arguments as objects, and whose result it is."""
    found = {key: message[key] for key in ("tool_call_id", "reasoning_content") if message.get(key)}
    calls = []
    for call in message.get("tool_calls") or ():
        written = call["function"]
        function = {"name": written["name"], "arguments": json.loads(written["arguments"])}
        calls.append({"id": call.get("id", ""), "type": "function", "function": function})
    return found | ({"tool_calls": calls} if calls else {})
