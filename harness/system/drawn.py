"""A session in which what is asked is another draw, so that it has no answer of an earlier one's."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from harness.core import (
    Action,
    Answer,
    Box,
    Exposure,
    Grade,
    Message,
    Remaining,
    Reply,
    Request,
    Result,
    Role,
    Session,
    SkillFolder,
)


class DrawnSession(Session):
    """Passes everything on, each request as the draw of this number."""

    def __init__(self, of: Session, draw: int) -> None:
        super().__init__(of.task, of.trial)
        self._of, self._draw = of, draw

    @property
    def remaining(self) -> Remaining:
        """As of the session."""
        return self._of.remaining

    async def call(self, model: str, request: Request, role: Role) -> Reply:
        """The answer to this draw."""
        return await self._of.call(model, replace(request, draw=self._draw), role)

    def say(self, message: Message) -> None:
        """As of the session."""
        self._of.say(message)

    def skill(self, name: str, how: Exposure) -> None:
        """As of the session."""
        self._of.skill(name, how)

    @asynccontextmanager
    async def workplace(self, skills: Mapping[str, SkillFolder]) -> AsyncIterator[None]:
        """As of the session."""
        async with self._of.workplace(skills):
            yield

    async def box(self) -> Box:
        """As of the session."""
        return await self._of.box()

    async def act(self, action: Action, perform: Callable[[], Awaitable[Result]]) -> Result:
        """As of the session."""
        return await self._of.act(action, perform)

    async def same(self, one: Answer, other: Answer) -> bool | None:
        """As of the session."""
        return await self._of.same(one, other)

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:
        """As of the session."""
        return await self._of.grade(answer, verifier)
