"""A model that works in a box by tools, perhaps with skills: each use of a tool goes through the session's policy.

The box has the task's files in its work folder and the skills' folders under ``/skills``. What the model says without a
call of a tool is its answer; what it left in the work folder is for graders that run a program.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.core import (
    SKILLS,
    WORK,
    Action,
    Answer,
    Cause,
    Exposure,
    Message,
    ModelError,
    Reply,
    Request,
    Result,
    Role,
    Session,
    SkillFolder,
    Task,
    ToolCall,
    Usage,
    digest_json,
    listed,
)
from harness.sandbox import ActionRules, SandboxOptions, forbidden, named
from harness.skill import Skill
from harness.system.box_tool import BOX_TOOLS, BoxTool, WrongArgumentError
from harness.system.conversation import BROKEN, Conversation, Perform, called_by_text, tools_as_text
from harness.system.delivery import Chooser, Delivery
from harness.system.skill_tools import OPEN, READ, opened_by_text, skill_tools
from harness.system.skill_traces import traces
from harness.system.systems import Calls, Direct, Skilled, held

AGENT_TURNS = 40  # calls of an attempt at most, where the experiment does not say
FEW = 3  # calls of one attempt
WORDS_A_TURN = 200  # that a conversation grows by with each, for an estimate of its cost
_PLACE = "You work in a sealed sandbox without a network. Commands start in the folder {}."
_FILES = "The task's files are there: {}."
_SKILLS = f"Each skill's folder can be read under {SKILLS}/NAME; its scripts run from there."
_END = "Work with the tools until the task is done. Then write your final answer, in a message without a tool call."
AGENT_TEXTS = digest_json([_PLACE.format(WORK), _FILES, _SKILLS, _END, BROKEN, tools_as_text(())])
"""Of the texts around the tools: a change of them changes answers, so it changes every such contender's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Skilled):
    """A model with tools; without skills its delivery says nothing."""

    tools: tuple[BoxTool, ...]
    tokens: int | None = None  # of all calls of one attempt together, in and out
    rules: ActionRules  # of the experiment

    @property
    def notes(self) -> tuple[str, ...]:
        """What is doubtful in its skills, and which of its tools it may not use."""
        found = list(super(Agent, self).notes)
        shut = {tool.name: rule for tool in self.tools if (rule := forbidden(self.rules, tool.name)) is not None}
        found += [f"{rule} forbids {name}: each use is refused, and recorded" for name, rule in shut.items()]
        mine = {tool.name for tool in self.tools}
        for skill in self.skills:
            for pattern in skill.allowed_tools:
                name = named(pattern)[0]
                if (rule := forbidden(self.rules, name)) is not None:
                    found.append(f"skill {skill.name}: its allowed-tools have {pattern}, which {rule} forbids")
                elif name in BOX_TOOLS and name not in mine:
                    found.append(f"skill {skill.name}: its allowed-tools have {pattern}, a tool that is not given")
        return tuple(found)

    @property
    def needs_box(self) -> bool:
        """Always."""
        return True

    def preview(self, task: Task, trial: int = 0) -> Request:
        """The task under a system prompt that says where the model is, what its tools are, and then of its skills."""
        if self.chooser is not None:
            return self.at(task).preview(task, trial)
        request = super(Agent, self).preview(task, trial)
        own, messages = tuple(tool.tool for tool in self._of(task)), request.messages
        said = [_PLACE.format(task.workdir)]
        if task.files:
            said.append(_FILES.format(listed(list(task.files), 50)))
        if self.skills:
            said.append(_SKILLS)
        text = " ".join((*said, _END))
        if not self.calls_tools:
            more = skill_tools(self.skills) if self.delivery.opens else ()
            text = f"{text}\n\n{tools_as_text((*own, *more))}"
        if messages[0]["role"] == "system":
            text, messages = f"{text}\n\n{messages[0]['content']}", messages[1:]
        tools = (*own, *request.tools) if self.calls_tools else ()
        return replace(request, messages=({"role": "system", "content": text}, *messages), tools=tools)

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """A few, and all its turns: each sends again all that was said before it."""
        request, most = self.preview(task), min(self.turns, task.turns or self.turns)
        grown: list[tuple[str, Request]] = []
        for turn in range(most):
            said: Message = {"role": "tool", "content": "word " * (turn * WORDS_A_TURN)}
            grown.append((self.model, replace(request, messages=(*request.messages, said)) if turn else request))
        return tuple(grown[:FEW]), tuple(grown)

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """What the model says when it is done. Raises ModelError; BoxError: the sandbox failed."""
        if self.chooser is not None:
            return await self.at(task).answer(task, session, role)
        first = self.preview(task, session.trial)
        async with session.workplace(self.folders(task)):
            conversation = Conversation(
                model=self.model,
                request=lambda messages: replace(first, messages=messages),
                tools=self.opening(session),
                turns=min(self.turns, task.turns or self.turns),
                calls_tools=self.calls_tools,
                read=self._called,
                tool_role=self.tool_role,
                heard=_Count(self.contender.name, self.tokens).hear if self.tokens else None,
            )
            return held(self.contender.name, await conversation.hold(first.messages, session, role))

    def _of(self, task: Task) -> tuple[BoxTool, ...]:
        """Its tools at a task: those of them that the task names, if it names any."""
        wanted = {tool.name for tool in task.tools}
        return tuple(tool for tool in self.tools if not wanted or tool.name in wanted)

    def _called(self, text: str) -> ToolCall | None:
        return called_by_text(text) or (opened_by_text(text) if self.delivery.opens else None)

    def folders(self, task: Task) -> Mapping[str, SkillFolder]:
        """Those of its skills, however they are delivered."""
        shown = self.delivery.opened or not self.delivery.opens
        return {name: replace(one, is_open=shown) for name, one in skill_folders(self.at(task).skills).items()}

    def opening(self, session: Session) -> Mapping[str, Perform]:
        """What performs each tool, through the session's policy."""
        if self.chooser is not None:
            return self.at(session.task).opening(session)
        for name in self.shown:
            session.skill(name, Exposure.SHOWN)
        found: dict[str, Perform] = {tool.name: _in_box(tool, session, self.skills) for tool in self._of(session.task)}
        if self.delivery.opens and self.skills:
            shelf = self._shelf(session)
            found |= {name: _recorded(shelf[name], session) for name in (OPEN, READ)}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What a contender needs to work in a box, as an experiment says it."""

    tools: tuple[str, ...]
    turns: int = AGENT_TURNS
    tokens: int | None = None
    sandbox: SandboxOptions

    @property
    def identity(self) -> dict[str, Any]:
        """Of all that can change what comes of it: the tools, the bounds, the rules and limits of the sandbox."""
        return {
            "tools": [[name, BOX_TOOLS[name].revision] for name in self.tools],
            "turns": self.turns,
            "tokens": self.tokens,
            "texts": AGENT_TEXTS,
            "sandbox": self.sandbox.model_dump(mode="json", exclude={"backend", "network"}),
        }

    def given(
        self, direct: Direct, skills: tuple[Skill, ...], delivery: Delivery | None, chooser: Chooser | None
    ) -> Agent:
        """The contender that works with them and is else as one that is asked once."""
        return Agent(
            **{each.name: getattr(direct, each.name) for each in fields(direct)},
            skills=skills,
            delivery=delivery or Delivery(),
            chooser=chooser,
            turns=self.turns,
            tools=tuple(BOX_TOOLS[name] for name in self.tools),
            tokens=self.tokens,
            rules=self.sandbox.actions,
        )


def skill_folders(skills: Sequence[Skill]) -> dict[str, SkillFolder]:
    """What a box has of skills, by their names; of a name that no plain path has, its folder leaves signs out."""
    found: dict[str, SkillFolder] = {}
    for skill in skills:
        name = re.sub(r"[^\w.-]+", "-", skill.name).strip(".-") or "skill"
        while any(one.name == name for one in found.values()):
            name += "-2"
        found[skill.name] = SkillFolder(name=name, folder=skill.folder, allowed_tools=skill.allowed_tools)
    return found


def _in_box(tool: BoxTool, session: Session, skills: Sequence[Skill]) -> Perform:
    at = {folder.name: name for name, folder in skill_folders(skills).items()}
    files = {folder: next(s.files for s in skills if s.name == name) for folder, name in at.items()}

    async def through(action: Action) -> Result:
        async def perform() -> Result:
            from harness.sandbox import in_thread  # with all that makes boxes

            box = await session.box()
            try:
                result = await in_thread(tool.perform, box, action.arguments)
            except WrongArgumentError as error:
                return Result(text=str(error))
            for name, how in traces(tool.paths(action.arguments), files, box.workdir):
                session.skill(at[name], how)
            return result

        return await session.act(action, perform)

    return through


def _recorded(opens: Perform, session: Session) -> Perform:
    """A tool of no box, recorded as the others."""

    async def through(action: Action) -> Result:
        async def perform() -> Result:
            text = await opens(action)
            said = str(text)
            return Result(text=said, bytes_out=len(said.encode("utf-8", "replace")))

        return await session.act(action, perform)

    return through


@dataclass
class _Count:
    """The tokens of a conversation so far."""

    contender: str
    most: int
    used: int = 0

    def hear(self, reply: Reply) -> None:
        """Counts those of a call. Raises ModelError: they are too many."""
        self.used += sum(filter(None, _counted(reply.usage))) or len(reply.text) // 4
        if self.used > self.most:
            problem = f"the conversation has used {self.used:,} tokens, more than {self.most:,}"
            raise ModelError(Cause.TOO_DEAR, f"{problem} (contenders.{self.contender}.tokens)")


def _counted(usage: Usage) -> tuple[int | None, ...]:
    return usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning
