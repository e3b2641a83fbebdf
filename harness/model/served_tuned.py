"""Whether a server applies a tuned model that has a name of its own there, such as a provider's ``ft:`` model.

A server that takes any name answers with its base. So where the experiment asks the base at the same address, both are
asked the same prompts before a run, as adapters are; without it, only the names in replies can be looked at.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from harness.core import Cause, ModelError, ModelSpec, Reply, UsageError
from harness.model.answering_names import is_alike, is_related
from harness.model.backend import Ask
from harness.model.served import PROMPTS, Arm, Look, Prompts, WrongError, answer_to, probe_request

ALONE = (
    "no contender asks its base at the same address, so it cannot be seen whether the server applies it or answers with"
    " the base; add the base as a model with a contender"
)


async def probe_tuned(
    spec: ModelSpec, base: ModelSpec, prompts: Prompts, further: Prompts, ask: Ask
) -> tuple[str, ...]:
    """Returns what a reader must know, when the answers are not those of the base. ``ask`` asks both, by the request.

    ``further`` prompts are asked only where the others can tell nothing. Raises UsageError: the server refuses one of
    the two, or answers under the base's name or as the base does, alone or in a mixed batch; or a probe got no answer.
    """
    without = replace(probe_request(spec), model=base.digest)
    asked = replace(without, model=spec.digest)
    arm = Arm(label=_label(spec), name=spec.model, asked=asked, base=without, load=_to_do(spec))
    look = _TunedLook(base, arm, ask, further)
    try:
        await look.look(prompts[:PROMPTS])
    except WrongError as error:
        raise UsageError(f"model {spec.name!r}: {error}") from None
    except ModelError as error:
        look.notes.append(f"it could not be probed ({error}), so it cannot be seen whether the server applies it")
    return tuple(f"model {spec.name}: {note}" for note in look.notes)


async def probe_alone(spec: ModelSpec, prompts: Prompts, ask: Ask) -> tuple[str, ...]:
    """What a reader must know of a tuned model that is asked without its base.

    Raises UsageError: the server does not know it, or answers under the base's name.
    """
    notes, base = [ALONE], spec.tuned.base_model if spec.tuned is not None else ""
    try:
        said = (await answer_to(ask, probe_request(spec), prompts[0])).model_version
    except ModelError as error:
        if error.http_status == 404:
            problem = f"the server refuses {_label(spec)} ({error})"
            raise UsageError(f"model {spec.name!r}: {problem}; {_to_do(spec)}") from None
        said = ""
    if said and not said.startswith(spec.model):
        problem = f"asked for {_label(spec)}, the server answers as {said!r}"
        if base and is_alike(said, base):
            raise UsageError(f"model {spec.name!r}: {problem}, which is the base; {_to_do(spec)}")
        notes += [] if is_related(spec.model, said) else [problem]
    return tuple(f"model {spec.name}: {note}" for note in notes)


class _TunedLook(Look):
    """A look at a tuned model beside its base."""

    what = "it"

    def __init__(self, base: ModelSpec, arm: Arm, ask: Ask, further: Prompts) -> None:
        super().__init__(base, [arm], ask, [arm.name or ""])
        self._asking, self._further = ask, further

    def passes_over(self, error: ModelError) -> bool:
        """A probe is short and cold, which some hosted models do not take: the run asks them otherwise."""
        return error.cause is Cause.REQUEST and error.http_status != 404

    async def differs_further(self, arm: Arm, seen: Sequence[Reply]) -> bool:
        """Log-probabilities that no prompt changes tell nothing; then texts must, and a few are alike by chance."""
        if any(reply.signals != seen[0].signals for reply in seen):
            return False
        for messages in self._further:
            found = [await answer_to(self._asking, one, messages) for one in (arm.base, arm.asked)]
            if found[0].text != found[1].text or found[0].signals != found[1].signals:
                return True
        return False

    def is_base(self, said: str, plain: Sequence[Reply]) -> bool:
        """Some servers say one name whatever they are asked for: that is the base's only where it is like it."""
        base = self._spec.model
        return said == base or any(said == one.model_version and is_alike(said, base) for one in plain)


def _label(spec: ModelSpec) -> str:
    return f"the tuned model {spec.model!r}"


def _to_do(spec: ModelSpec) -> str:
    where = urlsplit(spec.base_url or "").netloc.rpartition("@")[2]
    at = f" at {where}" if where else ""
    return f"write models.{spec.name}.model as the server names the tuned model, and see that it is served{at}"
