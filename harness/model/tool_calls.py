"""How a local model's chat template offers tools, and how the calls that the model writes are read.

A folder's own ``response_template`` is read by transformers. Without one, three families are known by their signs:
Hermes and Qwen (``<tool_call>``), Mistral (``[TOOL_CALLS]``), Llama 3 (``<|python_tag|>``, or a bare JSON object).
A call that cannot be read is data: its arguments are ``None``, and the model is told so.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from harness.core import Tool, ToolCall
from harness.model.arguments import arguments_in, is_sound, object_at

Found = tuple[str, list[ToolCall]]  # the text that is no call, and the calls
FAMILIES = "those of Hermes and Qwen, Llama 3 and Mistral"
_SENTINEL = Tool(
    name="tell_the_hour",
    description="The hour.",
    parameters={"type": "object", "properties": {"zone_of_the_hour": {"type": "string", "description": "A zone."}}},
)
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]{1,100})"')
_XML_CALL = re.compile(r"\s*<function=([^>\s]{1,100})>")
_XML_END = re.compile(r"</function>(?=\s*(?:</?tool_call>|<\||\Z))")
_XML_NEXT = re.compile(r"<tool_call>\s*<function=")
_NAMED_CALL = re.compile(r"\s*([\w.-]{1,100})\s*(?:\[CALL_ID\]\w*)?\s*(?:\[ARGS\]\s*|(?=\{))")
_XML_VALUE = re.compile(r"<parameter=([^>\s]{1,100})>\n?(.*?)\n?</parameter>", re.DOTALL)


def as_functions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as chat templates and OpenAI's interface have them."""
    named = ({"name": t.name, "description": t.description, "parameters": dict(t.parameters)} for t in tools)
    return [{"type": "function", "function": function} for function in named]


def family_of(template: str) -> str:
    """The family whose calls a chat template writes; empty where none of them is recognised."""
    signs = {"<tool_call>": "hermes", "[TOOL_CALLS]": "mistral", "<|python_tag|>": "llama3"}
    if found := next((family for sign, family in signs.items() if sign in template), None):
        return found
    return "llama3" if "<|start_header_id|>" in template and "parameters" in template else ""


def why_no_tools(folder: Path, template: str) -> str:
    """Why no tools can be offered by this chat template; empty where they can. Needs no transformers."""
    if not _is_offered(template):
        return "the chat template drops tools"
    if not family_of(template) and not has_response_template(folder):
        return f"how this chat template writes a call is not known (known: {FAMILIES}, or a response_template)"
    return ""


def has_response_template(folder: Path) -> bool:
    """Whether a tokenizer's configuration says itself how answers are read."""
    try:
        told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and isinstance(told.get("response_template"), dict)


@lru_cache(maxsize=64)
def _is_offered(template: str) -> bool:
    """Whether a tool's name and what it takes come out where a conversation is rendered, with a system or without."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    around = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    around.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    around.globals |= {"raise_exception": refuse, "strftime_now": lambda _: "2026-01-01"}
    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)  # marks of training, which print nothing
    user, system = ({"role": role, "content": "Go on."} for role in ("user", "system"))
    texts = []
    for messages in ([user], [system, user]):
        with contextlib.suppress(Exception):  # a template may do whatever it likes, and may have no place for a system
            said = {"messages": messages, "tools": as_functions([_SENTINEL])}
            texts.append(
                around.from_string(plain).render(**said, add_generation_prompt=True, bos_token="", eos_token="")
            )
    return bool(texts) and all(_SENTINEL.name in text and "zone_of_the_hour" in text for text in texts)


# ------------------------------------------------------------------------------------------------------------- reading


def reader_of(template: str, response_template: Mapping[str, Any] | None) -> Callable[..., Found]:
    """What finds calls in an answer, its special tokens kept: called with the answer, the prompt and the tools."""
    if response_template:
        return partial(_by_template, response_template)
    family = family_of(template)
    return {"hermes": _hermes, "mistral": _mistral, "llama3": _llama3}.get(family, _none)


def numbered(calls: Sequence[ToolCall], identity: str) -> tuple[ToolCall, ...]:
    """The calls with ids, which the request decides; of nine letters and digits, as Mistral's templates want them."""
    marks = (hashlib.sha256(f"{identity}:{n}".encode()).hexdigest()[:9] for n in range(len(calls)))
    return tuple(
        ToolCall(id=mark, name=call.name, arguments=call.arguments, raw=call.raw)
        for mark, call in zip(marks, calls, strict=True)
    )


def _none(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    return answer, []


def _hermes(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    """``<tool_call>`` around JSON, or around ``<function=name>`` with its parameters; one that is cut has no end."""
    text, place = _before(answer, 0, "<tool_call>")
    kept, calls = [text], list[ToolCall]()
    while place <= len(answer):
        if written := _XML_CALL.match(answer, place):
            found, end = _by_tags(written, answer, tools)
        else:
            found, end = _written(answer, place, ("</tool_call>", "<tool_call>"))
        calls += found
        _, closed = _before(answer, end, "</tool_call>")
        opened = answer.find("<tool_call>", end)
        if closed > len(answer) or -1 < opened < closed:  # it was not closed
            closed = opened if opened >= 0 else len(answer)
        text, place = _before(answer, closed, "<tool_call>")
        kept.append(text)
    return "".join(kept), calls


def _mistral(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    """``[TOOL_CALLS]`` before a JSON list of calls, or before a name with ``[ARGS]`` or an object after it."""
    text, place = _before(answer, 0, "[TOOL_CALLS]")
    calls = list[ToolCall]()
    while place <= len(answer):
        if named := _NAMED_CALL.match(answer, place):
            arguments, end = None, named.end()
            with contextlib.suppress(ValueError):
                arguments, end = object_at(answer, named.end())
            written, after = _before(answer, end, "[TOOL_CALLS]")
            calls.append(_of(named[1], arguments, written))
        else:
            found, end = _written(answer, place, ("[TOOL_CALLS]",))
            calls += found
            _, after = _before(answer, end, "[TOOL_CALLS]")
        place = after
    return text, calls


def _llama3(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    """What comes after the tag, or an answer that is a JSON object with a call, or several with ``;`` between them."""
    before, tag, rest = answer.partition("<|python_tag|>")
    if not tag:
        before, rest = "", answer
        if not _is_call(rest.lstrip(), tools):
            return answer, []
    found = list(_objects(rest, 0, between=";"))
    calls, end = [call for call, _ in found], found[-1][1] if found else 0
    left = rest[end:].strip(" \n;")
    if not calls or (left.startswith("{") and _NAME.search(left)):
        return before, [*calls, _broken(left)]
    return before + left, calls


def _is_call(text: str, tools: Sequence[Tool]) -> bool:
    """Whether an untagged text begins with a call: an answer in JSON may have a ``name`` too."""
    if not text.startswith("{"):
        return False
    names = {tool.name for tool in tools}
    try:
        value, _ = object_at(text, 0)
    except ValueError:  # cut, or badly written
        named = _NAME.search(text)
        return named is not None and (named[1] in names or '"parameters"' in text)
    value = value["function"] if isinstance(value.get("function"), dict) else value
    written = "parameters" in value or "arguments" in value
    return isinstance(value.get("name"), str) and (written or value["name"] in names)


def _by_template(template: Mapping[str, Any], answer: str, prompt: str, tools: Sequence[Tool]) -> Found:
    from transformers.utils.chat_parsing import parse_response

    try:
        said = parse_response(answer, dict(template), prefix=prompt, tools=as_functions(tools))
        told = said.get("tool_calls") or []
        thought, text = said.get("reasoning_content") or said.get("thinking"), str(said.get("content") or "")
    except Exception:  # noqa: BLE001 - whatever it raises: the call cannot be read
        return "", [_broken(answer)]
    calls = []
    for one in told if isinstance(told, list) else [told]:
        function = one.get("function", one) if isinstance(one, dict) else None
        name, arguments = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else ("", "")
        if isinstance(arguments, str):
            arguments = arguments_in(arguments)
        calls.append(_of(name, arguments, str(one)) if isinstance(name, str) and name else _broken(str(one)))
    return (f"<think>{thought}</think>{text}" if thought else text), calls


def _before(text: str, place: int, mark: str) -> tuple[str, int]:
    """What comes before the next mark, and where it ends; all, and a place beyond the text, where there is none."""
    found = text.find(mark, place)
    return (text[place:], len(text) + 1) if found < 0 else (text[place:found], found + len(mark))


def _written(answer: str, place: int, marks: Sequence[str]) -> tuple[list[ToolCall], int]:
    """All calls written as JSON from a place on, and where they end; what cannot be read up to a mark is one more."""
    found = list(_objects(answer, place))
    end = found[-1][1] if found else place
    stop = min((at for mark in marks if (at := answer.find(mark, end)) >= 0), default=len(answer))
    left = answer[end:stop]
    calls = [call for call, _ in found]
    return ([*calls, _broken(left)] if not calls or "{" in left else calls), stop


def _objects(text: str, place: int, between: str = ",") -> Iterator[tuple[ToolCall, int]]:
    """Calls written as JSON objects one after the other, each with the place where it ends."""
    while found := re.compile(rf"[\s\[{between}]*(?=\{{)").match(text, place):
        try:
            value, place = object_at(text, found.end())
        except ValueError:
            return
        value = value["function"] if isinstance(value.get("function"), dict) else value
        if not isinstance(value.get("name"), str):
            return
        arguments = value.get("arguments", value.get("parameters"))
        arguments = arguments_in(arguments) if isinstance(arguments, str) else arguments
        yield _of(value["name"], arguments, text[found.end() : place]), place


def _of(name: str, arguments: Any, written: str) -> ToolCall:
    """A call; what was written goes with one whose arguments cannot be used."""
    if not is_sound(arguments):
        return ToolCall(id="", name=name.encode("utf-8", "replace").decode(), arguments=None, raw=written)
    raw = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(id="", name=name.encode("utf-8", "replace").decode(), arguments=arguments, raw=raw)


def _by_tags(written: re.Match[str], answer: str, tools: Sequence[Tool]) -> tuple[list[ToolCall], int]:
    """A call in tags, and where it ends. A value is a text, or JSON where the tool's schema wants something else."""
    name, start = written[1], written.end()
    closed, cut = _XML_END.search(answer, start), _XML_NEXT.search(answer, start)
    if closed is None or (cut and cut.start() < closed.start()):
        end = cut.start() if cut else len(answer)
        return [_of(name, None, answer[written.start() : end])], end
    body = answer[start : closed.start()]
    schema = next((tool.parameters for tool in tools if tool.name == name), {})
    kinds = {key: form.get("type") for key, form in schema.get("properties", {}).items() if isinstance(form, dict)}
    arguments = dict[str, Any]()
    for key, value in _XML_VALUE.findall(body):
        arguments[key] = value
        if kinds.get(key, "string") != "string" and (
            (held := arguments_in(f'{{"value": {value}}}')) and len(held) == 1
        ):
            arguments[key] = held["value"]
    whole = "<parameter=" not in _XML_VALUE.sub("", body)  # else one is not closed
    return [_of(name, arguments if whole else None, answer[written.start() : closed.end()])], closed.end()


def _broken(raw: str) -> ToolCall:
    named = _NAME.search(raw)
    return ToolCall(id="", name=named[1] if named else "", arguments=None, raw=raw)
