"""Which options are reckoned by a stated rate of their machines, in a sentence each."""

from harness.analysis import load_note
from harness.core import dollars, listed
from harness.verdict.advice_inputs import AdviceInputs
from harness.verdict.economics import RATE, Assumptions

SHOWN = 5
"""Names that a sentence lists."""


def rate_notes(inputs: AdviceInputs, assumptions: Assumptions) -> list[str]:
    """Which options' machines are reckoned by a stated rate, which by the run's load, and what is stated in vain."""
    hour, rates = assumptions.gpu_hour_usd, assumptions.tasks_per_gpu_hour
    stated = inputs.stated(hour, rates)
    same: dict[tuple[float, float], list[str]] = {}
    for name, usd in stated.items():
        same.setdefault((float(inputs.rate_of(name, rates) or 0.0), usd), []).append(name)
    notes = [
        f"cost of {listed(names, SHOWN)}: {dollars(rate * usd)} an hour for a stated {rate:,.10g} tasks an hour "
        f"({RATE}), {dollars(usd)} a task, in place of the machine's measured time"
        for (rate, usd), names in same.items()
    ]
    measured = load_note(inputs.table, [name for name in inputs.names if name not in stated])
    notes += [f"{note} ({RATE} states another load)" for note in measured]
    for name, rate in rates if isinstance(rates, tuple) else ():
        if name in inputs.names and name not in stated:
            why = inputs.machine.why.get(name, "it pays no machine by the hour")
            notes.append(f"the {rate:,.10g} tasks an hour of {name} are not used: {why}")
    return notes
