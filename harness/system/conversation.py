"""The one loop of a model and its tools: the model is asked, what it calls for is done and told, until it answers.

A model that takes tools calls them in its provider's way. Any other writes a line ``CALL name {"argument": "value"}``,
the arguments a JSON object in which a text may run over several lines; what follows the object is not read.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core import Action, Message, Reply, Request, Result, Role, Session, Tool, ToolCall, is_deep
from harness.model import assistant_message, tool_message
from harness.system.box_tool import BOX_TOOLS

MOST_CALLS = 32  # of tools that one reply may ask for; the rest are refused
BROKEN = "The arguments are not valid JSON."
Perform = Callable[[Action], Awaitable[Result | str]]  # does what a tool was asked to, and tells the model of it


def called_by_text(text: str) -> ToolCall | None:
    """The first ``CALL name {…}`` of a text; its arguments are ``None`` where they are no JSON object."""
    if (found := _CALL.search(text)) is None:
        return None
    raw, arguments = text[found.end(1) :].strip("`* \n"), None
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, found.start(2))
        raw, arguments = text[found.start(2) : end], None if is_deep(value) else value
    except (ValueError, RecursionError):
        pass
    return ToolCall(id="", name=found[1], arguments=arguments, raw=raw)


_CALL = re.compile(r"^[ \t`*>]{0,8}CALL ([\w.-]{1,100})[`*:]{0,4}\s{0,8}(?:```\w{0,10}\s{1,4})?(\{)", re.MULTILINE)


def tools_as_text(tools: Iterable[Tool]) -> str:
    """What a model that takes no tools is told of them, in its system prompt."""
    lines = []
    for tool in tools:
        needed, keys = tool.parameters.get("required", ()), []
        for name, form in tool.parameters.get("properties", {}).items():
            told = f" {form['description']}" if form.get("description") else ""
            keys.append(f"\n  - {name} ({form.get('type', 'any')}{'' if name in needed else ', optional'}):{told}")
        lines.append(f"- {tool.name}: {tool.description}{''.join(keys)}")
    return "\n".join((_HOW, "", "Tools and their arguments:", *lines))


_HOW = """You have tools. To use one, write its name and its arguments, a JSON object, and end your message there:

CALL name {"argument": "value"}

You are told what came of it, and may call again. One call a message. A message without a call is your final answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """How one model is asked, and what it may use meanwhile."""

    model: str  # its name in the experiment
    request: Callable[[tuple[Message, ...]], Request]  # with these messages; tools of a model that takes them are in it
    tools: Mapping[str, Perform] = field(default_factory=dict)  # by name; with none of them the first reply is the last
    turns: int  # calls of the model at most
    calls_tools: bool  # whether the model takes tools, or writes its calls as text
    read: Callable[[str], ToolCall | None] = called_by_text  # finds a call in a text
    tool_role: bool = True  # whether the model's chat template knows the role ``tool``, of a result after such a call
    again: Message | None = None  # what is said once more after each result of such a call
    heard: Callable[[Reply], None] | None = None  # told of every reply before it counts; what it raises ends it all

    async def hold(self, messages: tuple[Message, ...], session: Session, role: Role) -> Reply | None:
        """The reply that calls no tool; ``None``: the turns are spent. Raises ModelError and what tools raise."""
        for turn in range(1, self.turns + 1):
            reply = await session.call(self.model, self.request(messages), role)
            if self.heard is not None:
                self.heard(reply)
            calls = self._calls(reply) if self.tools else ()
            if not calls:
                return reply
            results: list[Message] = []
            for place, call in enumerate(calls):
                text = await self._done(call, turn, session, place)
                results += told(call, text, calls_tools=self.calls_tools, tool_role=self.tool_role, again=self.again)
            for message in results:
                session.say(message)
            messages = (*messages, assistant_message(reply), *results)
        return None

    def _calls(self, reply: Reply) -> Sequence[ToolCall]:
        if self.calls_tools:
            return reply.tool_calls
        call = self.read(reply.text)
        return () if call is None else (call,)

    async def _done(self, call: ToolCall, turn: int, session: Session, place: int) -> str:
        if place >= MOST_CALLS:
            return await _refused(call, turn, f"more than {MOST_CALLS} calls in one message", _TOO_MANY, session)
        if call.name not in self.tools:
            wrong = "not a tool of this task" if call.name in BOX_TOOLS else "no such tool"
            return await _refused(call, turn, wrong, f"There is no tool {call.name[:100]}.", session)
        if call.arguments is None:
            return await _refused(call, turn, "arguments are not JSON", BROKEN, session)
        result = await self.tools[call.name](Action(tool=call.name, arguments=call.arguments, turn=turn))
        text = result if isinstance(result, str) else result.text
        return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair, which no server takes


async def _refused(call: ToolCall, turn: int, wrong: str, text: str, session: Session) -> str:
    """What the model is told of a call that nothing can do, which is recorded as all others."""
    name = call.name[:100].encode("utf-8", "replace").decode("utf-8")
    asked = call.arguments if isinstance(call.arguments, Mapping) else {"raw": call.raw}

    async def perform() -> Result:
        return Result(text=text.encode("utf-8", "replace").decode("utf-8"))

    action = Action(tool=name, arguments=asked, turn=turn, wrong=wrong)
    return (await session.act(action, perform)).text


def told(
    call: ToolCall, text: str, *, calls_tools: bool, tool_role: bool, again: Message | None = None
) -> tuple[Message, ...]:
    """What came of a call, as the next messages; the rest as of `Conversation`."""
    if calls_tools:
        return (tool_message(call, text),)
    more = () if again is None else (again,)
    if tool_role:
        return {"role": "tool", "content": text}, *more
    return ({"role": "user", "content": "\n\n".join([text, *(str(said["content"]) for said in more)])},)


_TOO_MANY = f"Not done: one message may call {MOST_CALLS} tools at most."
