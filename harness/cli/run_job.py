"""``ownbench run --job``: the same run as a RayJob for Kubernetes, written and not made."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.cli.common import Arguments
from harness.core import UsageError, UserFileError, is_this_machine, plural, visible

if TYPE_CHECKING:
    from harness.experiment import Assembled

_SAID = frozenset({"job", "job_schema", "executor"})  # what the manifest is, and that Ray makes the run
_ELSEWHERE = "a RayJob runs on other machines"


def refuse_for_job(args: argparse.Namespace) -> None:
    """Raises UsageError: one of these options cannot be kept by a RayJob. Nothing was read yet."""
    if args.until_decided or args.executor == "local":
        raise UsageError("--job writes a run of --executor ray; take --until-decided and --executor local out")
    if args.offline:
        problem = f"--offline keeps a run to one machine, and {_ELSEWHERE}"
        raise UsageError(f"--job: {problem}; take it out, and close the pods' network with a NetworkPolicy")


def write_job(args: argparse.Namespace, assembled: "Assembled", arguments: Arguments) -> int:
    """Writes the manifest, and says what it takes for granted; 0. ``arguments`` are those of ``run``.

    Raises UserFileError and UsageError: what a pod would only find when it starts. Nothing is written then.
    """
    from harness.cluster import ray_job, write_manifest

    entry, name = assembled.experiment.executor, assembled.report.resolve().name
    _check(args, assembled)
    most = assembled.experiment.limits.concurrency
    document = ray_job(name, entry.job, workers=entry.workers, most=most, options=[*_carried(args, arguments)])
    write_manifest(args.job, document, args.job_schema)
    say, job, file = sys.stderr.write, entry.job, visible(str(args.job))
    pods = document["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"]
    each = plural(job.cpus, "CPU") + (f" and {plural(job.gpus, 'GPU')}" if job.gpus else "")
    say(f"{file}: a RayJob of {plural(pods, 'worker pod')} with {each} each, for the queue {job.queue}\n")
    say(
        f"it needs the image {job.image}, and in {job.reports} the volume {job.claim} with {name} and what that names\n"
    )
    keys = sorted({spec.api_key_env for spec in assembled.specs.values() if spec.api_key_env})
    if keys and job.keys is None:
        say(f"its pods have no {', '.join(keys)}: name a Secret that holds them, as executor.job.keys\n")
    say(f"kubectl create -f {shlex.quote(file)} hands it to Kueue\n")
    return 0


def _carried(args: argparse.Namespace, arguments: Arguments) -> Iterator[str]:
    """The options of this command, for the one in the pod: all that were given, so that none is lost unseen."""
    from harness.run import checked_receiver

    for spec, _ in (one for one in arguments if isinstance(one, tuple)):
        option = spec.split()[0]
        name = option.removeprefix("--").replace("-", "_")
        value = getattr(args, name)
        if not option.startswith("--") or name in _SAID or value is None or value is False:
            continue
        if value is True:
            yield option
        for one in value if isinstance(value, list) else () if value is True else (value,):
            yield from (option, checked_receiver(one) if name == "otlp" else str(one))


def _check(args: argparse.Namespace, assembled: "Assembled") -> None:
    """Raises UserFileError and UsageError: the run could not be made in pods."""
    from harness.run import refuse_more_workers_than_calls
    from harness.store import experiment_file

    file, entry = experiment_file(args.report), assembled.experiment.executor
    if (cache := assembled.experiment.cache) is not None and cache.mode != "read_only":
        problem = "is one file, which only one machine may write, and a RayJob has several"
        raise UserFileError(file, problem, field="cache", advice="write mode: read_only, or take cache out")
    if entry.address != "auto":
        problem = f"found {entry.address}, and a RayJob has a cluster of its own, which the run has to join"
        raise UserFileError(file, problem, field="executor.address", advice="write auto")
    refuse_more_workers_than_calls(assembled, entry.workers)
    own = "is this machine, and in a pod it is the pod"
    for name, spec in assembled.specs.items():
        if spec.base_url and is_this_machine(urlsplit(spec.base_url).hostname):
            advice = "write the address at which pods reach the server"
            raise UserFileError(file, f"{spec.base_url} {own}", field=f"models.{name}.base_url", advice=advice)
    if args.otlp is not None and is_this_machine(urlsplit(args.otlp).hostname):
        raise UsageError(f"--otlp: {args.otlp} {own}; give the address at which pods reach the receiver")
