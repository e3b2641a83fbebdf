"""The numeric layer: estimates, tests, decompositions and power as pure functions on numpy arrays and numbers.

No input or output, no data frames, nothing of models; the unit is the task, or the cluster of tasks. Throughout,
``sums`` and ``counts`` are one a task: the sum of its graded values, each in [0, 1], and the number of its graded
trials, 0 where there is none. Two contenders list the same tasks in the same order. ``clusters`` is a code a task, and
tasks of one code share a source; None: every task by itself. ``level`` is the confidence of the intervals; ``seed`` and
``resamples`` are those of a simulation, where no exact answer can be had. Arrays that do not match, and values or
levels that cannot be, raise a `ValueError` that says which.
"""

from harness.stats.bootstrap import bootstrap_estimate, cluster_weights, percentile_limits, resampled_sums
from harness.stats.clustered import (
    clustered_mean,
    clustered_rate,
    cr1,
    latency_quantile,
    pass_at_k,
    pass_hat_k,
    this_suite_difference,
    this_suite_rate,
)
from harness.stats.comparison import compare
from harness.stats.confidence import (
    Bin,
    Isotonic,
    auroc,
    brier_score,
    expected_calibration_error,
    isotonic_fit,
    reliability_bins,
)
from harness.stats.domains import DomainComparison, compare_domains, domain_variance
from harness.stats.escalation import Aiq, Objective, aiq, choose_threshold
from harness.stats.labels import macro_f1
from harness.stats.money import break_even, fieller_ratio, normalised_gain
from harness.stats.multiplicity import benjamini_hochberg, holm, max_t_sign_flip
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
from harness.stats.paired import mcnemar_all, mcnemar_exact, mcnemar_midp, tango_interval, tango_z
from harness.stats.pareto import on_front, pareto_probability
from harness.stats.power import exact_power, non_inferiority_tasks, tasks_for_difference, visible_difference
from harness.stats.proportion import clopper_pearson_interval, fisher_exact, jeffreys_interval, wilson_interval
from harness.stats.random_effects import Heterogeneity, heterogeneity
from harness.stats.raters import Agreement, agreement, ppi_mean, rater_table
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
)
from harness.stats.signflip import SignFlip, sign_flip_test
from harness.stats.two_by_two import Effect, Factorial, factorial
from harness.stats.variance import VarianceComponents, variance_components
from harness.stats.worse import Worse, tasks_worse
