"""Contenders built without files or network, and a session that answers as it is told."""

import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core import (
    Action,
    Answer,
    Call,
    Exposure,
    Grade,
    Message,
    ModelSpec,
    PromptTemplate,
    Remaining,
    RenderedPrompt,
    Reply,
    Request,
    Result,
    Role,
    SkillFolder,
    Status,
    Task,
    ToolCall,
)
from harness.experiment import DirectPlan, HybridPlan, Plan, build_systems
from harness.model import assistant_message, identified
from harness.run.trace import SkillSeen, Trace
from harness.system import System

TASK = Task(
    id="t",
    domain="d",
    cluster="t",
    input="What is it?",
    reference="right",
    grader={"name": "exact"},
    digest="task-digest",
)
ASKED = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"})


class Always(dict[str, tuple[Message, ...]]):
    """The same question at every task."""

    def __missing__(self, _task: str) -> tuple[Message, ...]:
        return ASKED


PROMPT = RenderedPrompt(messages=Always(), template=PromptTemplate(user="{{ input }}", system="Be brief."))


@dataclass
class FakeSession:
    """Answers by the model's name: a reply, a text, or a list of them in turn; an exception is raised."""

    says: Mapping[str, Any]
    trial: int = 0
    verifies: Callable[[str], float | None] = lambda text: None
    asked: list[tuple[str, Role, Request]] = field(default_factory=list)
    task: Task = TASK
    trace: Trace = field(default_factory=Trace)
    remaining = Remaining()

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        self.asked.append((model, role, request))
        self.trace.ask(request.messages)
        said = self.says[model]
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(said, Exception):
            raise said
        reply = said if isinstance(said, Reply) else Reply(text=said, latency_s=1.0)
        self.trace.add(Call(attempt_id="", role=role, model=model, request_digest="", latency_s=reply.latency_s))
        self.trace.say(assistant_message(reply))
        return reply

    def say(self, message: Message) -> None:
        self.trace.say(message)

    def skill(self, name: str, how: Exposure) -> None:
        self.trace.add(SkillSeen(name, how))

    async def act(self, action: Action, perform: Callable[[], Awaitable[Result]]) -> Result:
        return replace(await perform(), allowed=not action.wrong, rule=action.wrong)

    @asynccontextmanager
    async def workplace(self, skills: Mapping[str, SkillFolder]) -> AsyncIterator[None]:
        yield

    async def same(self, one: Answer, other: Answer) -> bool | None:
        if one.fault is not None or other.fault is not None:
            return None if one.fault is not None else False
        return one.text == other.text

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:
        if verifier is not None:
            score = self.verifies(answer.text)
            return Grade(status=Status.UNGRADED if score is None else Status.PASSED, score=score)
        right = answer.text == self.task.reference
        return Grade(status=Status.PASSED if right else Status.FAILED, score=float(right))

    @property
    def models(self) -> list[str]:
        return [model for model, _, _ in self.asked]


def spec(name: str = "m", **keys: Any) -> ModelSpec:
    return identified(ModelSpec(**({"name": name, "backend": "openai", "model": name} | keys)))


def built(
    plans: Mapping[str, Plan],
    *,
    can: frozenset[str] = frozenset({"tools", "tool_role"}),
    seed: int = 0,
    **specs: ModelSpec,
) -> dict[str, System]:
    """The systems of the one suite ``s``."""
    names = {n for plan in plans.values() if isinstance(plan, DirectPlan) for n in (plan.model, plan.author) if n}
    all_of = {name: specs.get(name, spec(name)) for name in names}
    plans = {
        name: replace(plan, prompts={"s": PROMPT} | dict(plan.prompts)) if isinstance(plan, DirectPlan) else plan
        for name, plan in plans.items()
    }
    made = build_systems(plans, all_of, dict.fromkeys(names, can), ["s"], seed=seed)
    return {name: by_suite["s"] for name, by_suite in made.items()}


def hybrid(signal: str, **keys: Any) -> System:
    """Worker ``w`` before expert ``e``."""
    plans: dict[str, Plan] = {"cheap": DirectPlan(model="w"), "dear": DirectPlan(model="e")}
    plans["both"] = HybridPlan(worker="cheap", expert="dear", signal=signal, **keys)
    return built(plans)["both"]


def write_skill(folder: Path, name: str, body: str = "the body", **files: str) -> Path:
    """A skill's folder; a file's name has ``__`` for a slash and ends in ``.md``."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "SKILL.md").write_text(f"---\nname: {name}\ndescription: About {name}.\n---\n{body}\n")
    for key, text in files.items():
        path = place / (key.replace("__", "/") + ".md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return place


def write_adapter(folder: Path, *, rank: int = 2, filling: int = 0) -> Path:
    """A LoRA adapter's folder, its weights laid out by hand from the description of safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": rank, "target_modules": ["q_proj"], "base_model_name_or_path": "b"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    header, at = {}, 0
    for letter, shape in (("A", (rank, 6)), ("B", (4, rank))):
        size = 4 * shape[0] * shape[1]
        name = f"base_model.model.model.layers.0.self_attn.q_proj.lora_{letter}.weight"
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes([filling]) * at)
    return folder


def opens(name: str, path: str | None = None, identity: str = "c1") -> Reply:
    """A reply that calls a tool to open something."""
    tool = "open_skill" if path is None else "read_skill_file"
    arguments = {"name": name} | ({} if path is None else {"path": path})
    return Reply(text="", tool_calls=(ToolCall(id=identity, name=tool, arguments=arguments),), latency_s=1.0)
