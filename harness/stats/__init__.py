"""The numeric layer: estimates, tests, decompositions and power as pure functions on numpy arrays and numbers.

No input or output, no data frames, nothing of models; the unit is the task, or the cluster of tasks.
"""

from harness.stats.clustered import (
    clustered_mean,
    clustered_rate,
    cr0,
    cr1,
    design_effect,
    effective_n,
    icc,
    mean_squares,
    pass_at_k,
    pass_hat_k,
)
from harness.stats.paired import (
    bonett_price_interval,
    mcnemar_all,
    mcnemar_asymptotic,
    mcnemar_exact,
    mcnemar_midp,
    newcombe10_interval,
    tango_interval,
    tango_z,
)
from harness.stats.proportion import clopper_pearson_interval, jeffreys_interval, wilson_interval

__all__ = [
    "bonett_price_interval",
    "clopper_pearson_interval",
    "clustered_mean",
    "clustered_rate",
    "cr0",
    "cr1",
    "design_effect",
    "effective_n",
    "icc",
    "jeffreys_interval",
    "mcnemar_all",
    "mcnemar_asymptotic",
    "mcnemar_exact",
    "mcnemar_midp",
    "mean_squares",
    "newcombe10_interval",
    "pass_at_k",
    "pass_hat_k",
    "tango_interval",
    "tango_z",
    "wilson_interval",
]
