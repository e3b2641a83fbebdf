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

from harness.core import Tool, ToolCall, is_deep

Found = tuple[str, list[ToolCall]]  # the text that is no call, and the calls
FAMILIES = "those of Hermes and Qwen, Llama 3 and Mistral"
_SENTINEL = Tool(name="tell_the_hour", description="The hour.", parameters={"type": "object", "properties": {}})
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]{1,100})"')
_XML_CALL = re.compile(r"\s*<function=([^>\s]{1,100})>(.*)", re.DOTALL)
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
    """Whether a tool's name comes out where a conversation with tools is rendered."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    around = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    around.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    around.globals |= {"raise_exception": refuse, "strftime_now": lambda _: "2026-01-01"}
    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)  # marks of training, which print nothing
    said = {"messages": [{"role": "user", "content": "Go on."}], "tools": as_functions([_SENTINEL])}
    try:
        text = around.from_string(plain).render(**said, add_generation_prompt=True, bos_token="", eos_token="")
    except Exception:  # noqa: BLE001 - a template may do whatever it likes; one that fails offers nothing
        return False
    return _SENTINEL.name in text


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
    text, *parts = answer.split("<tool_call>")
    kept, calls = [text], []
    for part in parts:
        body, _, after = part.partition("</tool_call>")
        kept.append(after)
        written = _XML_CALL.match(body)
        calls.append(_by_tags(written[1], written[2], body, tools) if written else _call(body))
    return "".join(kept), calls


def _mistral(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    """``[TOOL_CALLS]`` before a JSON list of calls, or before a name with ``[ARGS]`` or an object after it."""
    text, *parts = answer.split("[TOOL_CALLS]")
    calls = list[ToolCall]()
    for part in parts:
        if named := re.match(r"\s*([\w.-]{1,100})\s*(?:\[CALL_ID\]\w*)?\s*(?:\[ARGS\])?\s*(?=\{)", part):
            written = part[named.end() :]
            arguments = _object(written)
            raw = written if arguments is None else json.dumps(arguments, ensure_ascii=False)
            calls.append(ToolCall(id="", name=named[1], arguments=arguments, raw=raw))
            continue
        found, whole = list[ToolCall](), False
        for found_call, end in _objects(part):
            found.append(found_call)
            whole = part[end:].strip().startswith("]")
        calls += found if found and whole else [*found, _call(part)]
    return text, calls


def _llama3(answer: str, prompt: str, tools: Sequence[Tool]) -> Found:  # noqa: ARG001
    """An answer that is a JSON object with a name, or several with ``;`` between them."""
    tagged = "<|python_tag|>" in answer
    before, _, rest = answer.partition("<|python_tag|>") if tagged else ("", "", answer)
    if not rest.lstrip().startswith("{") or not _NAME.search(rest):
        return answer, []
    found = list(_objects(rest, between=";"))
    calls, end = [call for call, _ in found], found[-1][1] if found else 0
    left = rest[end:].strip(" \n;")
    if left.startswith("{") and _NAME.search(left):
        calls.append(_call(left))
        left = ""
    return (before + left, calls) if calls else (answer, [])


def _by_template(template: Mapping[str, Any], answer: str, prompt: str, tools: Sequence[Tool]) -> Found:
    from transformers.utils.chat_parsing import parse_response

    try:
        said = parse_response(answer, dict(template), prefix=prompt, tools=as_functions(tools))
    except Exception:  # noqa: BLE001 - whatever it raises: the call cannot be read
        return "", [_broken(answer)]
    calls = []
    for one in said.get("tool_calls") or []:
        function = one.get("function", one) if isinstance(one, dict) else {}
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(arguments, str):
            arguments = _object(arguments)
        if isinstance(name, str) and isinstance(arguments, dict) and not is_deep(arguments):
            raw = json.dumps(arguments, ensure_ascii=False)
            calls.append(ToolCall(id="", name=name, arguments=arguments, raw=raw))
        else:
            calls.append(_broken(str(one)))
    thought, text = said.get("reasoning_content") or said.get("thinking"), str(said.get("content") or "")
    return (f"<think>{thought}</think>{text}" if thought else text), calls


def _call(body: str) -> ToolCall:
    """The call that a text holds as JSON; without arguments where it holds none that can be read."""
    return next((call for call, _ in _objects(body)), None) or _broken(body)


def _objects(text: str, between: str = ",") -> Iterator[tuple[ToolCall, int]]:
    """Calls written as JSON objects one after the other, each with the place where it ends."""
    place = 0
    while found := re.compile(rf"[\s\[{between}]*(?=\{{)").match(text, place):
        try:
            value, place = json.JSONDecoder(strict=False).raw_decode(text, found.end())
        except (ValueError, RecursionError):
            return
        value = value.get("function") if isinstance(value.get("function"), dict) else value
        arguments = value.get("arguments", value.get("parameters"))
        arguments = _object(arguments) if isinstance(arguments, str) else arguments
        if not isinstance(value.get("name"), str):
            return
        whole = isinstance(arguments, dict) and not is_deep(arguments)
        raw = json.dumps(arguments, ensure_ascii=False) if whole else text[found.end() : place]
        yield ToolCall(id="", name=value["name"], arguments=arguments if whole else None, raw=raw), place


def _object(text: str) -> dict[str, Any] | None:
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not is_deep(value) else None


def _by_tags(name: str, body: str, raw: str, tools: Sequence[Tool]) -> ToolCall:
    """A call in tags. A value is a text, or JSON where the tool's schema wants something else than a text."""
    if "</function>" not in body:
        return ToolCall(id="", name=name, arguments=None, raw=raw)
    schema = next((tool.parameters for tool in tools if tool.name == name), {})
    kinds = {key: form.get("type") for key, form in schema.get("properties", {}).items() if isinstance(form, dict)}
    arguments: dict[str, Any] = {}
    for key, value in _XML_VALUE.findall(body):
        arguments[key] = value
        if kinds.get(key, "string") != "string":
            with contextlib.suppress(ValueError, RecursionError):
                arguments[key] = json.loads(value)
    return ToolCall(id="", name=name, arguments=arguments, raw=json.dumps(arguments, ensure_ascii=False))


def _broken(raw: str) -> ToolCall:
    named = _NAME.search(raw)
    return ToolCall(id="", name=named[1] if named else "", arguments=None, raw=raw)
