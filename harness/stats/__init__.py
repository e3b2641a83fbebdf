"""The numeric layer: estimates, tests, decompositions and power as pure functions on numpy arrays and numbers.

No input or output, no data frames, nothing of models; the unit is the task, or the cluster of tasks. Throughout,
``sums`` and ``counts`` are one a task: the sum of its graded values, each in [0, 1], and the number of its graded
trials, 0 where there is none. Two contenders list the same tasks in the same order. ``clusters`` is a code a task, and
tasks of one code share a source; None: every task by itself. ``level`` is the confidence of the intervals; ``seed`` and
``resamples`` are those of a simulation, where no exact answer can be had. Arrays that do not match, and values or
levels that cannot be, raise a `ValueError` that says which.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.stats.adjusted import AdjustedScore, KnownMean, known_mean
    from harness.stats.bootstrap import bootstrap_estimate, cluster_weights, percentile_limits, resampled_sums
    from harness.stats.clustered import (
        clustered_mean,
        clustered_rate,
        cr3,
        latency_quantile,
        pass_at_k,
        pass_hat_k,
        this_suite_difference,
        this_suite_rate,
    )
    from harness.stats.comparison import Effect, compare, factorial, paired_error
    from harness.stats.confidence import (
        Bin,
        auroc,
        brier_score,
        expected_calibration_error,
        isotonic_fit,
        reliability_bins,
    )
    from harness.stats.domains import (
        DomainComparison,
        Heterogeneity,
        VarianceComponents,
        compare_domains,
        domain_variance,
        heterogeneity,
        variance_components,
    )
    from harness.stats.drift import Drift, run_effect, trend
    from harness.stats.enough import Enough, smallest_enough
    from harness.stats.labels import agreement, macro_f1, ppi_mean, rare_labels, rater_table
    from harness.stats.money import (
        aiq,
        break_even,
        fieller_ratio,
        heavy_tail,
        normalised_gain,
        on_front,
        pareto_probability,
        skewed_costs,
        tail_share,
    )
    from harness.stats.noninferiority import (
        DomainHarm,
        Harm,
        NonInferiority,
        Worse,
        harm_limit,
        harm_test,
        harmed_domains,
        kish_units,
        non_inferiority,
        non_inferiority_counts,
        tasks_worse,
    )
    from harness.stats.ranking import Best, Ranking, best_of, rank
    from harness.stats.replay import (
        COST,
        ESCALATED,
        LATENCY,
        NO_INTERVALS,
        PASS,
        Draws,
        Objective,
        Replayer,
        ReplayRows,
        choose_threshold,
        random_policy,
        replay_estimate,
        replay_estimates,
    )
    from harness.stats.score import score_z
    from harness.stats.seeds import Replicates, between, of_ratio, of_values, over_seeds, replicates, widened
    from harness.stats.sequential import (
        BETS,
        Adjuster,
        BettingProcess,
        ErrorSpending,
        anytime_interval,
        fortune,
        harm_e_value,
        non_inferiority_e_value,
        obrien_fleming_bounds,
    )
    from harness.stats.signflip import benjamini_hochberg, holm, max_t_sign_flip, sign_flip_test
    from harness.stats.tables import (
        clopper_pearson_interval,
        exact_power,
        fisher_exact,
        jeffreys_interval,
        mcnemar_all,
        mcnemar_exact,
        mcnemar_midp,
        non_inferiority_tasks,
        smallest_difference,
        tango_interval,
        tango_z,
        tasks_for_difference,
        tasks_for_mean,
        visible_difference,
        wilson_interval,
    )
    from harness.stats.tails import crossing, two_sided_z
    from harness.stats.units import cluster_codes, is_binary, strata_of_units
    from harness.stats.with_the_best import Sufficiency, rivals_from, sufficiency
else:
    __getattr__, __dir__ = lazy_door(__name__)
