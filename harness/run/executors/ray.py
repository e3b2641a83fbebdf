"""``--executor ray``: attempts are made by workers of a Ray cluster, and this process drives them."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from harness.core import UsageError, UserFileError
from harness.experiment import Assembled, Attempt, ExecutorEntry
from harness.model import Model, backend_of
from harness.run.boxes import free_mb
from harness.run.choosing import Choices
from harness.run.executors.fleet import START_S, Employer, Fleet, WorkerGoneError
from harness.run.executors.holder import HeldModel, Holder
from harness.run.executors.parts import groups_of, refuse_more_workers_than_calls
from harness.run.executors.ray_cluster import Cluster, join, missing_ray, named_cluster
from harness.run.executors.worker import Worker
from harness.run.otel import Spans
from harness.run.session import Shop
from harness.run.stopping import SIGNALS
from harness.run.trace import Listener, Progress
from harness.store import Recalled, experiment_file

WORKER_MB = 200  # of memory, roughly


class RayExecutor(Employer):
    """Who makes the attempts of one run."""

    named = "ray"

    def __init__(
        self, assembled: Assembled, entry: ExecutorEntry, *, offline: bool, spans: Spans | None = None
    ) -> None:
        super().__init__(assembled, offline=offline, spans=spans)
        self.entry = entry
        self.cluster: Cluster | None = None

    def check(self, todo: Sequence[Attempt]) -> None:
        """Raises UsageError: these attempts cannot be made so. Nothing is begun."""
        if (missing := missing_ray()) is not None:
            raise UsageError(missing)
        path = experiment_file(self.assembled.report)
        concurrency, asked = self.assembled.experiment.limits.concurrency, self.entry.workers
        refuse_more_workers_than_calls(self.assembled, asked)
        self.address = named_cluster(self.entry.address, path, offline=self.offline)
        self.groups = groups_of(self.assembled, todo)
        self.workers = min(asked or os.cpu_count() or 1, concurrency, len(self.groups))
        if self.address is None and (free := free_mb()) < self.workers * WORKER_MB:
            problem = f"{self.workers} workers take about {self.workers * WORKER_MB:,} MB, and {free:,} MB are free"
            advice = f"lower workers to {max(1, free // WORKER_MB)}"
            raise UserFileError(path, problem, field="executor.workers", advice=advice)

    def around(self, recorded: Recalled) -> AbstractContextManager[None]:  # noqa: ARG002 - workers read the report
        """Nothing has to stand before there is a loop."""
        return nullcontext()

    async def open(self, models: Mapping[str, Model], tell: Callable[[str], None]) -> dict[str, Model]:
        """Starts or joins Ray. The models, of which those in memory are held by actors. Raises UsageError."""
        tell(f"joining the Ray at {self.address}" if self.address else "starting Ray")
        self.cluster = cluster = await join(self.address, self.workers)
        for number in SIGNALS:  # Ray's own handlers print, and end the process
            signal.signal(number, signal.getsignal(number))
        if self.address and self.entry.workers is None:
            self.workers = min(int(cluster.resources("CPU")) or 1, self.assembled.experiment.limits.concurrency)
            self.workers = min(self.workers, len(self.groups))
        cache, machines = self.assembled.experiment.cache, cluster.machines
        if cache is not None and cache.mode != "read_only" and machines > 1:
            problem = f"is one file, which only one machine may write, and the cluster has {machines}"
            advice = "write mode: read_only, take cache out, or add --executor local"
            raise UserFileError(experiment_file(self.assembled.report), problem, field="cache", advice=advice)
        here = [name for name in models if not (backend_of(self.assembled.specs[name]).remote or _recorded(self, name))]
        gpus = cluster.resources("GPU")
        for name in here:
            how: dict[str, float] = {"num_cpus": 0, "max_concurrency": 10_000, "max_restarts": 0}
            how |= {"num_gpus": min(1.0, gpus / len(here))} if gpus else {}
            self.held[name] = cluster.ray.remote(Holder).options(**how).remote(self.assembled.specs[name])
        held = {name: HeldModel(self.assembled.specs[name], actor) for name, actor in self.held.items()}
        return {name: held.get(name, model) for name, model in models.items()}

    def crew(self, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener) -> Fleet:
        """Whoever makes the attempts."""
        return Fleet(self, shop, choices, tally, listener)

    async def hire(self) -> "Actor":
        """As `Employer.hire`."""
        assert self.cluster is not None  # noqa: S101 - it was joined before there is a crew
        return Actor(self.cluster.ray)

    def no_place(self, number: int) -> str:
        """As `Employer.no_place`."""
        problem = f"Ray had no place for worker {number + 1} of {self.workers} within {START_S:g} s"
        why = "its head is gone, or it has too few CPUs, of which each worker takes one"
        return f"{problem}: {why}; lower executor.workers, or start the cluster again"

    async def close(self) -> None:
        """Ends all that was begun."""
        if self.cluster is not None:
            cluster, self.cluster = self.cluster, None
            await self.dismiss()
            await asyncio.to_thread(cluster.leave)


class Actor:
    """A worker as an actor of Ray, behind the protocol `Contact`."""

    def __init__(self, ray: Any) -> None:
        how = {"num_cpus": 1, "max_concurrency": 4, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._ray, self._actor = ray, ray.remote(Worker).options(**how).remote()

    def ask(self, what: str, *given: Any) -> "asyncio.Future[Any]":
        """As `Contact.ask`."""
        return asyncio.ensure_future(self._found(getattr(self._actor, what).remote(*given)))

    def kill(self) -> None:
        """As `Contact.kill`."""
        self._ray.kill(self._actor)

    async def _found(self, reference: Any) -> Any:
        try:
            return await asyncio.wrap_future(reference.future())
        except self._ray.exceptions.RayError:
            raise WorkerGoneError from None


def _recorded(executor: RayExecutor, name: str) -> bool:
    return backend_of(executor.assembled.specs[name]).recorded
