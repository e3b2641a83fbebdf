"""The numeric layer: estimates, tests, decompositions and power as pure functions on numpy arrays and numbers.

No input or output, no data frames, nothing of models; the unit is the task, or the cluster of tasks.
"""

from harness.stats.bootstrap import (
    bootstrap_estimate,
    cluster_weights,
    percentile_limits,
    resampled_sums,
    table_bootstrap,
)
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
from harness.stats.compare import compare, difference_interval
from harness.stats.labels import Confusion, confusion_matrix, f1_by_label, macro_f1
from harness.stats.money import break_even, fieller_ratio, fieller_roots, ratio_of_ratios
from harness.stats.multiplicity import benjamini_hochberg, holm, hommel, max_t_sign_flip
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
from harness.stats.power import (
    difference_error,
    exact_power,
    non_inferiority_tasks,
    tasks_for_difference,
    tasks_for_trials,
    visible_difference,
)
from harness.stats.proportion import clopper_pearson_interval, jeffreys_interval, wilson_interval
from harness.stats.quantiles import latency_quantile
from harness.stats.signflip import SignFlip, sign_flip_test
from harness.stats.stratified import compare_stratified, discordant_variance

__all__ = [
    "Confusion",
    "SignFlip",
    "benjamini_hochberg",
    "bonett_price_interval",
    "bootstrap_estimate",
    "break_even",
    "clopper_pearson_interval",
    "cluster_weights",
    "clustered_mean",
    "clustered_rate",
    "compare",
    "compare_stratified",
    "confusion_matrix",
    "cr0",
    "cr1",
    "design_effect",
    "difference_error",
    "difference_interval",
    "discordant_variance",
    "effective_n",
    "exact_power",
    "f1_by_label",
    "fieller_ratio",
    "fieller_roots",
    "holm",
    "hommel",
    "icc",
    "jeffreys_interval",
    "latency_quantile",
    "macro_f1",
    "max_t_sign_flip",
    "mcnemar_all",
    "mcnemar_asymptotic",
    "mcnemar_exact",
    "mcnemar_midp",
    "mean_squares",
    "newcombe10_interval",
    "non_inferiority_tasks",
    "pass_at_k",
    "pass_hat_k",
    "percentile_limits",
    "ratio_of_ratios",
    "resampled_sums",
    "sign_flip_test",
    "table_bootstrap",
    "tango_interval",
    "tango_z",
    "tasks_for_difference",
    "tasks_for_trials",
    "visible_difference",
    "wilson_interval",
]
