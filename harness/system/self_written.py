"""A contender whose skill is written for the task at hand, by an author in a conversation of its own.

The author is shown the task and told not to solve it. A fresh conversation then has the task and what was written, and
nothing else of the author's. Both are calls of the attempt, and charged to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.core import MALFORMED, Answer, Reply, Request, Role, Session, Task, digest_json
from harness.skill import WRITTEN, Skill, written_skill
from harness.system.systems import Calls, Skilled

SKILL_TOKENS = 600  # assumed for what an author writes, by a dry run
AUTHORING = """You write skills: short guides that another model reads before it does a task.

You are shown one task. Do not solve it, and never state its answer. Write down what one has to know and to do to \
solve tasks of this kind: the steps, the rules, the form of the answer, the mistakes that are easily made.

Answer with the text of one SKILL.md file and nothing else: a line ---, a line "name:" (lowercase letters, digits and \
hyphens), a line "description:" (what it does and when to use it), a line ---, and below it the guide in Markdown."""
REVISION = digest_json([AUTHORING, "task"])
"""Of what an author is asked: a change of it changes what is written, and so every contender with such a skill."""


def is_authoring(request: Request) -> bool:
    """Whether a request asks an author for a skill."""
    return bool(request.messages) and request.messages[0].get("content") == AUTHORING


def skill_in(reply: Reply) -> Skill | None:
    """The skill that an author's reply holds; ``None`` where it refused, or wrote nothing that could be one."""
    if reply.refusal is not None or reply.finish_reason == MALFORMED:
        return None
    found = written_skill(reply.text)
    return found.skill if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfWritten(Skilled):
    """A model that reads a skill which was written for the task; without one it answers as the bare model would."""

    author: str  # the author's name in the experiment
    author_digest: str
    author_sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> frozenset[str]:
        """The author, and who answers."""
        return frozenset({self.model, self.author})

    def preview(self, task: Task, trial: int = 0) -> Request:
        """What the author is asked."""
        said = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in self.prompt.of(task))
        asked = {"role": "user", "content": f"<task>\n{said}\n</task>"}
        # the form of the answer is the answer's, and no skill's
        sampling = {key: value for key, value in self.author_sampling.items() if key != "response_format"}
        return Request(
            model=self.author_digest,
            messages=({"role": "system", "content": AUTHORING}, asked),
            sampling=sampling,
            trial=trial,
            scope=self.identity,
            task=task.digest,
            contender=self.contender.name,
        )

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """The author's, and one that reads nothing, or a skill of the assumed length."""
        body = " ".join(["word"] * (SKILL_TOKENS * 3 // 4))
        assumed = Skill(name=WRITTEN, description="", body=body, folder=Path())
        ends = [self._reader(*skills).calls(task)[0] for skills in ((), (assumed,))]
        author = ((self.author, self.preview(task)),)
        return author + ends[0], author + ends[1]

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:
        """The model's answer, with what the author wrote for this task in its prompt."""
        written = skill_in(await session.call(self.author, self.preview(task, session.trial), Role.AUTHOR))
        return await self._reader(*([written] if written else [])).answer(task, session, role)

    def question(self, task: Task, said: str, text: str, letters: Sequence[str], trial: int = 0) -> tuple[str, Request]:
        """Of who answers, without the skill."""
        return self._reader().question(task, said, text, letters, trial)

    def _reader(self, *skills: Skill) -> Skilled:
        """Who is shown these skills."""
        given = {each.name: getattr(self, each.name) for each in fields(Skilled)}
        return Skilled(**given | {"skills": skills})
