"""The rules of the gate, each with what was found, in words."""

from dataclasses import replace

from harness.analysis import Pairs
from harness.core import Comparison, listed, p_equation, plural, points
from harness.stats import NonInferiority, fieller_ratio
from harness.verdict.checks import Reason
from harness.verdict.early import LOOKS, Decided
from harness.verdict.gate_statistics import GateTests, tasks_if_equal, tasks_to_decide
from harness.verdict.policy import Policy


def rule_reasons(
    tests: GateTests, pairs: Pairs, compared: Comparison | None, policy: Policy, decided: Decided | None
) -> list[Reason]:
    """What became of every rule of a policy, where the evidence can be judged.

    Args:
        tests: what the outcomes show.
        pairs: both sides, at the tasks that are judged.
        compared: the same two, compared.
        policy: whose rules.
        decided: of a candidate that was run until decided, how it was.
    """
    # What has to be proven is proven at the level of the look.
    looked = policy.model_copy(update={"alpha": decided.alpha}) if decided else policy
    reasons = [_enough(pairs, policy), _non_inferior(tests, pairs, compared, looked, decided)]
    reasons += [_no_harm(tests, decided), _no_domain_harmed(tests, policy, decided)]
    reasons += [_critical(name, found, pairs, looked, decided) for name, found in tests.critical]
    if policy.max_cost_ratio is not None:
        reasons.append(_ratio("cost", pairs, policy.max_cost_ratio, looked.alpha, decided))
    if policy.max_latency_ratio is not None:
        reasons.append(_ratio("latency", pairs, policy.max_latency_ratio, looked.alpha, decided))
    return reasons


def with_bounds(checks: tuple[Reason, ...], compared: Comparison | None) -> tuple[Reason, ...]:
    """What attempts that the instrument lost could have made of the difference stands beside their share."""
    if compared is None or compared.bounds is None or not compared.errored:
        return checks
    low, high = compared.bounds
    text = f"; had they all gone worst or best for the candidate: {points(low)} or {points(high)} points"
    return tuple(replace(c, text=c.text + text) if c.rule == "errored" else c for c in checks)


def baseline_stands(unlocked: tuple[str, ...] | None) -> Reason:
    """The rule ``baseline``, of what has moved of a locked one; ``None`` where nothing is locked."""
    if unlocked is None:
        return Reason(rule="baseline", holds=True, text="the baseline is not locked; ownbench baseline set locks it")
    if unlocked:
        remedy = "restore it, or lock it anew: ownbench baseline set"
        text = f"the locked baseline has changed: {listed(unlocked, 5)}; {remedy}"
        return Reason(rule="baseline", holds=False, text=text)
    return Reason(rule="baseline", holds=True, text="the baseline is as it was locked")


def _enough(pairs: Pairs, policy: Policy) -> Reason:
    n = int(pairs.outcomes.common.sum())
    text = f"{plural(n, 'task')} judged; at least {policy.minimum_tasks:,} asked for"
    return Reason(rule="minimum_tasks", holds=n >= policy.minimum_tasks, text=text)


def _sure(alpha: float, decided: Decided | None) -> str:
    """How sure a one-sided limit is; of a run that is looked at on its way, by which look's level."""
    return f"level of look {decided.of_look} of {LOOKS}, {100 * alpha:.2g}%" if decided else f"{100 * (1 - alpha):g}%"


def _non_inferior(
    tests: GateTests, pairs: Pairs, compared: Comparison | None, policy: Policy, decided: Decided | None
) -> Reason:
    found = tests.overall
    text = _proof(found, policy, decided)
    worse = compared is not None and compared.p_value is not None and compared.p_value <= policy.alpha
    if found.holds and worse and found.delta is not None and found.delta < 0 and compared and compared.p_value:
        by = " by a test of one look, not corrected" if decided else ""
        text += f"; significantly worse{by} ({p_equation(compared.p_value)}) and yet non-inferior: the margin decides"
    elif not found.holds and not tests.blocks:
        equal = tasks_if_equal(pairs.outcomes, policy.margin, policy)
        text += "" if equal is None else f"; were the two equal, about {plural(equal, 'task')} would show it"
    return Reason(rule="non_inferior", holds=found.holds, text=text)


def _proof(found: NonInferiority, policy: Policy, decided: Decided | None) -> str:
    verb = "non-inferior" if found.holds else "not shown to be non-inferior"
    sure = _sure(policy.alpha, decided)
    low = "" if found.low is None else f", at worst {points(found.low)} ({sure}, {found.method})"
    return (
        f"{points(found.delta)} points on {plural(found.n_tasks, 'task')}{low}: {verb} at {100 * found.margin:g} "
        f"points ({p_equation(found.p_value)})"
    )


_BET = ", by the bet on every task, valid at any look"


def _no_harm(tests: GateTests, decided: Decided | None) -> Reason:
    harm, level = tests.harm, f"{100 * tests.harm_level:g}%"
    shown = harm.p_value <= tests.harm_level
    verb = "shown to be worse" if shown else "not shown to be worse"
    text = f"{verb} overall ({p_equation(harm.p_value)} one-sided, at {level}{_BET if decided else ''})"
    blocks = decided.harmed_overall if decided else tests.harmed_overall
    if shown and not blocks:
        text += f", by less than {100 * tests.overall.margin:g} points: that alone does not block"
    return Reason(rule="no_harm", holds=not blocks, text=text)


def _no_domain_harmed(tests: GateTests, policy: Policy, decided: Decided | None) -> Reason:
    exempt = f"; exempt by policy: {listed(policy.exempt_domains, 20)}" if policy.exempt_domains else ""
    if tests.harmed:
        worst = sorted(tests.harmed, key=lambda one: one.delta)
        names = [f"{one.domain} {points(one.delta)} points ({p_equation(one.p_adjusted)})" for one in worst]
        return Reason(rule="domains", holds=False, text=f"harmed: {listed(names, 5)}{exempt}")
    level = f"{100 * policy.alpha / 2:g}%{_BET if decided else ''}"
    if not tests.domains:
        return Reason(rule="domains", holds=True, text=f"no family of domains to look at{exempt}")
    text = f"none of {plural(len(tests.domains), 'domain')} is shown to be harmed (all together at {level}){exempt}"
    return Reason(rule="domains", holds=True, text=text)


def _critical(name: str, found: NonInferiority, pairs: Pairs, policy: Policy, decided: Decided | None) -> Reason:
    rule = f"critical:{name}"
    if found.n_tasks == 0:
        return Reason(rule=rule, holds=None, text="no task of it was judged")
    text = _proof(found, policy, decided)
    if not found.holds:
        here = pairs.outcomes.of_domain(name)
        needed = tasks_to_decide(here, found.margin, policy, policy.alpha)
        text += "" if needed is None else f"; unprovable on so few, about {plural(needed, 'task')} of it would decide"
    return Reason(rule=rule, holds=found.holds, text=text)


def _ratio(rule: str, pairs: Pairs, allowed: float, alpha: float, decided: Decided | None) -> Reason:
    """A ratio of means within its limit by its upper one-sided limit; unknown is unknown."""
    first, second = pairs.cost() if rule == "cost" else pairs.seconds()
    clusters = pairs.outcomes.clusters[pairs.outcomes.common]
    found = fieller_ratio(first, second, clusters, 1.0 - 2.0 * alpha)
    what = "cost a task" if rule == "cost" else "seconds a task"
    text = f"{what}: unknown, and {allowed:g} times the baseline's is the limit"
    if found.value is None or found.high is None:
        why = found.why or "it cannot be bounded"
        if found.value is None and not float(second.sum()):
            why = "the baseline's is 0"
        text = text.replace("unknown", "unknown" if found.value is None else f"{found.value:.3g} times, unbounded", 1)
        return Reason(rule=rule, holds=None, text=f"{text} ({why})")
    text = f"{what}: {found.value:.3g} times the baseline's, at most {found.high:.3g} ({_sure(alpha, decided)})"
    return Reason(rule=rule, holds=found.high <= allowed, text=f"{text}; allowed {allowed:g}")
