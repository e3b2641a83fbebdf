"""``gate.yaml``: what a candidate must hold to replace its baseline."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.core import UserFileError, nearest
from harness.userfile import parse, read_yaml
from harness.verdict.gate_statistics import Limits, Margin

Share = Annotated[float, Field(strict=True, ge=0.0, le=1.0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(strict=True, gt=0.0, allow_inf_nan=False)]


class Policy(Limits):
    """What a candidate must hold to replace its baseline."""

    max_cost_ratio: Ratio | None = None
    max_latency_ratio: Ratio | None = None
    max_errored: Share = 0.02  # of each contender's attempts, the share that the instrument may have lost
    anchor_margin: Margin | None = None  # the largest drop since the anchor; ``None``: the margin
    tries: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = None
    """Tries of one candidate against one baseline, each at its share of ``alpha``; ``None``: any number, each at all
    of it."""
    minimum_tasks: Annotated[int, Field(strict=True, ge=1)] = 1

    def of_one_try(self) -> "Policy":
        """At the level of one of the tries: all of them together then keep to ``alpha``."""
        return self.model_copy(update={"alpha": self.alpha / (self.tries or 1)})


def load_policy(policy: Policy | Path | str | None) -> Policy:
    """The policy itself, that of a file, or the defaults; UserFileError: the file is missing or wrong anywhere."""
    if policy is None or isinstance(policy, Policy):
        return policy or Policy()
    return parse(Policy, read_yaml(Path(policy)), Path(policy))


def check_domains(policy: Policy, domains: Iterable[str], source: Policy | Path | str | None) -> None:
    """Refuses a policy that names a domain which neither report has: it would guard, or excuse, nothing."""
    known, path = sorted(set(domains)), Path(source) if isinstance(source, str | Path) else "policy"
    named = [(key, name) for key in ("critical_domains", "exempt_domains") for name in getattr(policy, key)]
    for key, name in named:
        if name not in known:
            raise UserFileError(path, f"neither report has a domain {name!r}", field=key, advice=nearest(name, known))
