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
from harness.stats.comparison import compare, difference_interval, gained_and_lost, seldom_differs
from harness.stats.confidence import (
    Bin,
    Isotonic,
    RiskCoverage,
    auroc,
    brier_score,
    expected_calibration_error,
    isotonic_fit,
    reliability_bins,
    risk_coverage,
)
from harness.stats.domains import DomainComparison, compare_domains, domain_variance
from harness.stats.escalation import Aiq, Objective, aiq, choose_threshold
from harness.stats.gain import normalised_gain
from harness.stats.labels import Confusion, confusion_matrix, f1_by_label, macro_f1
from harness.stats.money import break_even, fieller_ratio, fieller_roots, ratio_of_ratios
from harness.stats.multiplicity import benjamini_hochberg, holm, hommel, max_t_sign_flip
from harness.stats.noninferiority import (
    DomainHarm,
    Harm,
    NonInferiority,
    harm_test,
    harmed_domains,
    kish_units,
    non_inferiority,
    non_inferiority_counts,
    score_z,
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
from harness.stats.pairs import AllPairs, all_pairs
from harness.stats.pareto import Pareto, on_front, pareto_probability
from harness.stats.power import (
    difference_error,
    exact_power,
    non_inferiority_tasks,
    tasks_for_difference,
    tasks_for_trials,
    visible_difference,
)
from harness.stats.ppi import ppi_mean
from harness.stats.proportion import clopper_pearson_interval, jeffreys_interval, wilson_interval
from harness.stats.published import Audit, audit, fisher_exact
from harness.stats.quantiles import latency_quantile
from harness.stats.random_effects import Heterogeneity, dersimonian_laird, heterogeneity
from harness.stats.raters import Agreement, agreement, rater_table
from harness.stats.replay import (
    COST,
    ESCALATED,
    LATENCY,
    NO_INTERVALS,
    PASS,
    Draws,
    Replayer,
    ReplayRows,
    random_policy,
    replay_estimate,
    replay_estimates,
)
from harness.stats.sequential import (
    BettingProcess,
    crossing_probability,
    harm_e_value,
    non_inferiority_e_value,
    obrien_fleming_bounds,
    sign_e_value,
)
from harness.stats.signflip import SignFlip, sign_flip_test
from harness.stats.stratified import compare_stratified, discordant_variance
from harness.stats.this_suite import this_suite_difference, this_suite_rate
from harness.stats.two_by_two import Effect, Factorial, factorial
from harness.stats.variance import VarianceComponents, variance_components
from harness.stats.worse import Worse, tasks_worse

__all__ = [
    "COST",
    "ESCALATED",
    "LATENCY",
    "NO_INTERVALS",
    "PASS",
    "Agreement",
    "Aiq",
    "AllPairs",
    "Audit",
    "BettingProcess",
    "Bin",
    "Confusion",
    "DomainComparison",
    "DomainHarm",
    "Draws",
    "Effect",
    "Factorial",
    "Harm",
    "Heterogeneity",
    "Isotonic",
    "NonInferiority",
    "Objective",
    "Pareto",
    "ReplayRows",
    "Replayer",
    "RiskCoverage",
    "SignFlip",
    "VarianceComponents",
    "Worse",
    "agreement",
    "aiq",
    "all_pairs",
    "audit",
    "auroc",
    "benjamini_hochberg",
    "bonett_price_interval",
    "bootstrap_estimate",
    "break_even",
    "brier_score",
    "choose_threshold",
    "clopper_pearson_interval",
    "cluster_weights",
    "clustered_mean",
    "clustered_rate",
    "compare",
    "compare_domains",
    "compare_stratified",
    "confusion_matrix",
    "cr0",
    "cr1",
    "crossing_probability",
    "dersimonian_laird",
    "design_effect",
    "difference_error",
    "difference_interval",
    "discordant_variance",
    "domain_variance",
    "effective_n",
    "exact_power",
    "expected_calibration_error",
    "f1_by_label",
    "factorial",
    "fieller_ratio",
    "fieller_roots",
    "fisher_exact",
    "gained_and_lost",
    "harm_e_value",
    "harm_test",
    "harmed_domains",
    "heterogeneity",
    "holm",
    "hommel",
    "icc",
    "isotonic_fit",
    "jeffreys_interval",
    "kish_units",
    "latency_quantile",
    "macro_f1",
    "max_t_sign_flip",
    "mcnemar_all",
    "mcnemar_asymptotic",
    "mcnemar_exact",
    "mcnemar_midp",
    "mean_squares",
    "newcombe10_interval",
    "non_inferiority",
    "non_inferiority_counts",
    "non_inferiority_e_value",
    "non_inferiority_tasks",
    "normalised_gain",
    "obrien_fleming_bounds",
    "on_front",
    "pareto_probability",
    "pass_at_k",
    "pass_hat_k",
    "percentile_limits",
    "ppi_mean",
    "random_policy",
    "rater_table",
    "ratio_of_ratios",
    "reliability_bins",
    "replay_estimate",
    "replay_estimates",
    "resampled_sums",
    "risk_coverage",
    "score_z",
    "seldom_differs",
    "sign_e_value",
    "sign_flip_test",
    "table_bootstrap",
    "tango_interval",
    "tango_z",
    "tasks_for_difference",
    "tasks_for_trials",
    "tasks_worse",
    "this_suite_difference",
    "this_suite_rate",
    "variance_components",
    "visible_difference",
    "wilson_interval",
]
