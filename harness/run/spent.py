"""What the calls of a report have cost so far."""

from harness.core import Call, Usage
from harness.cost import AttemptMeter, Meter
from harness.experiment import Assembled
from harness.model import backend_of
from harness.run.trace import values
from harness.store import read_calls_journal

_NOTHING = Usage.total(())  # of a call by which nothing was made


def is_spent(call: Call) -> bool | None:
    """Whether a call is on the bill; ``None``: it failed, and nobody said what it used, so it may be billed."""
    if call.error is None or call.cost.usd is not None:
        return True
    return None if call.usage != _NOTHING else False


def meter_of(assembled: Assembled, started: float = 0.0) -> Meter:
    """The budget of a report, with what earlier calls of the run have spent."""
    meter = Meter(**values(assembled.experiment.budget, "usd", "attempt_usd", "wall_s"), started=started)
    contenders = {attempt.id: attempt.contender for attempt in assembled.attempts}
    spent: dict[str, float] = {}
    for call in read_calls_journal(assembled.report):
        if _is_billed(assembled, call):
            meter.spend(call.cost)
            spent[call.attempt_id] = spent.get(call.attempt_id, 0.0) + (call.cost.usd or 0.0)
    for attempt, usd in spent.items():
        if usd and attempt in contenders:
            meter.expect(contenders[attempt], usd)
    return meter


def spent_by(assembled: Assembled, worker: str) -> AttemptMeter:
    """What a worker's journal has on the bill."""
    meter = AttemptMeter()
    for call in read_calls_journal(assembled.report, worker):
        if _is_billed(assembled, call):
            meter.spend(call.cost)
    return meter


def _is_billed(assembled: Assembled, call: Call) -> bool:
    spec = assembled.specs.get(call.model)
    return is_spent(call) is not False and not call.cache_hit and not (spec and backend_of(spec).recorded)
