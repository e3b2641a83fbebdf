"""``gate.yaml``: what a candidate must hold, checked whole before anything is judged."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from harness.core import UserFileError, nearest
from harness.userfile import Strict, parse, read_yaml

Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0, allow_inf_nan=False)]
Margin = Annotated[float, Field(strict=True, gt=0.0, le=1.0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(strict=True, gt=0.0, allow_inf_nan=False)]


class Policy(Strict):
    """What a candidate must hold to replace its baseline."""

    margin: Margin = 0.02
    """The largest drop of the pass rate that is acceptable, as a fraction."""
    alpha: Annotated[float, Field(strict=True, gt=0.0, lt=0.5, allow_inf_nan=False)] = 0.05
    """How often a candidate at the margin may ship, and how often an equal one may be blocked."""
    power: Annotated[float, Field(strict=True, gt=0.0, lt=1.0, allow_inf_nan=False)] = 0.8
    """The chance of a decision behind the number of tasks that would be needed."""
    critical_domains: dict[str, Margin] = Field(default_factory=dict)
    """Domains that must be shown to hold a margin of their own."""
    exempt_domains: tuple[str, ...] = ()
    """Domains that cannot block by themselves; their tasks stay in the overall difference."""
    max_cost_ratio: Ratio | None = None
    max_latency_ratio: Ratio | None = None
    max_errored: Share = 0.02
    """Of each contender's attempts, the share that the instrument may have lost."""
    minimum_tasks: Annotated[int, Field(strict=True, ge=1)] = 1

    @property
    def decisive(self) -> dict[str, Any]:
        """What of it can change a decision, as plain JSON values."""
        written: dict[str, Any] = self.model_dump(mode="json", exclude={"power"})
        return written

    @field_validator("exempt_domains")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; take one out")
        return names

    @model_validator(mode="after")
    def _not_both(self) -> "Policy":
        both = sorted(set(self.critical_domains) & set(self.exempt_domains))
        if both:
            raise ValueError(f"{both[0]!r} is critical and exempt; it can be only one of them")
        return self


def load_policy(path: Path | None) -> Policy:
    """The policy of a file, or the defaults where there is none.

    Raises:
        UserFileError: the file is missing or wrong anywhere; names the key, what was found and what to do.
    """
    return Policy() if path is None else parse(Policy, read_yaml(path), path)


def check_domains(policy: Policy, domains: Iterable[str], path: Path | str) -> None:
    """Refuses a policy that names a domain which neither report has: it would guard, or excuse, nothing.

    Raises:
        UserFileError: names the key and the nearest domain.
    """
    known = sorted(set(domains))
    for key in ("critical_domains", "exempt_domains"):
        for name in getattr(policy, key):
            if name not in known:
                raise UserFileError(
                    path, f"neither report has a domain {name!r}", field=key, advice=nearest(name, known)
                )


RULES = {
    "readable": "the files can be read",
    "complete": "both runs are done",
    "rows": "no result is given twice",
    "same_suites": "both answered the same suites",
    "same_tasks": "both tried the same tasks",
    "same_graders": "both were graded alike",
    "errored": "few attempts were lost",
    "baseline": "the baseline is as it was locked",
    "early": "stopped early by this very policy",
    "minimum_tasks": "there are tasks enough",
    "non_inferior": "worse by no more than the margin",
    "no_harm": "not worse overall",
    "domains": "no domain is harmed",
    "critical": "within its own margin: domain",
    "cost": "not too dear",
    "latency": "not too slow",
}
"""What each rule asks for, in words; ``critical`` is followed by the domain's name."""


def in_words(rule: str) -> str:
    """What a rule asks for; its own name where it is none of `RULES`."""
    kind, _, of = rule.partition(":")
    return f"{RULES.get(kind, kind)} {of}".strip()
