"""Under which names models answered: a server may serve another model than the one that was asked for."""

from collections.abc import Container, Iterator
from itertools import islice

from harness.core import Role
from harness.experiment import Assembled, is_looked_at
from harness.model import backend_of, is_related
from harness.store import Recalled, read_calls_journal

FIRST = 10_000  # calls of a run that are looked at


def other_names(assembled: Assembled, recorded: Recalled, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Those of these models, and the note that one of their first replies has an unrelated name.

    A date behind the name is none; a tuned model's name was looked at before the run, and so were adapters'.
    """
    served = {name: spec for name, spec in assembled.specs.items() if name in names and backend_of(spec).remote}
    asked = {name: spec for name, spec in served.items() if not is_looked_at(spec)}
    for call in islice(read_calls_journal(assembled.report), FIRST):
        if not asked:
            return
        if call.error is not None or call.adapter is not None or call.model not in asked or call.role is Role.PROBE:
            continue
        reply = recorded.replies.get(call.request_digest)
        said = reply.model_version if reply is not None else ""
        if said:
            spec = asked.pop(call.model)
            if not is_related(spec.model, said):
                note = f"asked for {spec.model!r}, its server answers as {said!r}; see that it is the model you mean"
                yield call.model, f"model {call.model}: {note}"
