"""Reads ``experiment.yaml`` and what it says of its models, checked whole before anything is spent."""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from harness.core import ModelSpec, Suite, UserFileError, difference, holds_secret, nearest, skeleton, unseen
from harness.cost import book_price
from harness.experiment.schema import ContenderEntry, Experiment
from harness.experiment.seeds import by_seed
from harness.model import ADAPTERS, BACKENDS, ModelEntry, identified
from harness.store import experiment_file, read_manifest
from harness.suite import load_suite, one_unit_each, unsplit
from harness.system import SIGNALS
from harness.userfile import parse, read_yaml

_SECRET_KEY = re.compile(
    r"(api_?key|access_key|secret|password|authorization|(access|auth|api)_token)\Z"  # ``eos_token`` is none
)


def load_experiment(report: Path | str) -> Experiment:
    """The experiment of a report's folder (or its YAML file). Raises UserFileError: it is missing or wrong anywhere."""
    path = experiment_file(Path(report))
    return parse_experiment(read_yaml(path), path)


def parse_experiment(value: Mapping[str, Any], path: Path) -> Experiment:
    """``value``, as read from ``path``, as a checked experiment. Raises UserFileError as `load_experiment`."""
    _refuse_secrets(value, path, "")
    experiment = parse(Experiment, _own_keys(value, path), path)
    seen: set[tuple[str, str | None]] = set()
    for number, suite in enumerate(experiment.suites):
        key = (Path(suite.path).as_posix(), suite.split)
        if key in seen:
            raise UserFileError(path, f"{suite.path} is listed twice", field=f"suites.{number}", advice="take one out")
        seen.add(key)
    _check_names(experiment.models, path, "models")
    written = experiment.contenders
    experiment = experiment.model_copy(update={"contenders": by_seed(written, path)})
    _check_names(experiment.contenders, path, "contenders")
    _check_names(experiment.judges, path, "judges")
    for name, judge in experiment.judges.items():
        check_known(judge.model, experiment.models, "model", path, f"judges.{name}.model")
    _check_contenders(experiment, path)
    rate, reference = experiment.economics.tasks_per_gpu_hour, experiment.reference
    named = {f"economics.tasks_per_gpu_hour.{name}": name for name in (rate if isinstance(rate, dict) else ())}
    for field, name in (named | ({} if reference is None else {"reference": reference})).items():
        check_known(name, written, "contender", path, field)
    return experiment


def check_known(name: str, known: Collection[str], what: str, path: Path, field: str) -> None:
    """Raises UserFileError where nothing is named so; it names the nearest."""
    if name not in known:
        raise UserFileError(path, f"no {what} is named {name!r}", field=field, advice=nearest(name, known))


def resolve(report: Path, text: str, *, field: str = "") -> Path:
    """The place of a path: absolute, from ``~``, in the report's folder, one above, or here. Raises UserFileError."""
    path, home = experiment_file(report), experiment_file(report).parent.resolve()
    wanted, places = places_of(home, text)
    try:
        if (place := next((place for place in places if place.exists()), None)) is not None:
            return place
    except OSError as error:  # a name that no file can have
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise UserFileError(path, f"{shown}: {error.strerror}", field=field, advice="correct the path") from None
    advice = "correct the path" if wanted.is_absolute() else f"looked in {home}, the folders above it and {Path.cwd()}"
    folder = places[0].parent
    near = nearest(wanted.name, [p.name for p in folder.iterdir()][:1_000]) if folder.is_dir() else ""
    advice = f"{advice}; {near}" if near.startswith("did you mean") else advice
    raise UserFileError(path, f"there is no {text}", field=field, advice=advice)


def places_of(home: Path, text: str) -> tuple[Path, list[Path]]:
    """A path as it is meant, and where it may be."""
    wanted = Path(text).expanduser() if text.startswith("~") else Path(text)
    folders = (home, *home.parents, Path.cwd())
    return wanted, [wanted] if wanted.is_absolute() else [folder / wanted for folder in folders]


def without_places(written: Any) -> Any:
    """Paths as a manifest may keep them: of one that holds only on this machine, its last part."""
    if isinstance(written, dict):
        return {suite: without_places(path) for suite, path in written.items()}
    if isinstance(written, list):
        return [without_places(path) for path in written]
    return Path(written).name if written.startswith(("/", "~")) else written


def read_suites(experiment: Experiment, report: Path, *, allow_outside: bool) -> tuple[dict[Path, Suite], list[str]]:
    """The suites whole, by their place, tasks that ask the same in one cluster; and what a user must know of them."""
    path, suites, notes = experiment_file(report), dict[Path, Suite](), list[str]()
    for number, entry in enumerate(experiment.suites):
        field = f"suites.{number}"
        place = resolve(report, entry.path, field=field)
        suite, moved = one_unit_each(load_suite(place, allow_outside=allow_outside))
        name = suite.name
        alike = next((s.name for s in suites.values() if skeleton(s.name) == skeleton(name)), None)
        if alike is not None:
            other = f"the suites {alike!r} and {name!r} look alike and differ in {difference(alike, name)}"
            problem = f"two suites are named {alike!r}" if alike == name else other
            raise UserFileError(path, problem, field=field, advice="rename one in its suite.yaml")
        if entry.split is not None and all(task.split != entry.split for task in suite.tasks):
            problem = f"the suite {name} has no task in the split {entry.split!r}"
            raise UserFileError(path, problem, field=f"{field}.split")
        if moved:
            asks = f"{len(moved):,} {'task asks' if len(moved) == 1 else 'tasks ask'} what another asks"
            notes.append(f"suite {name}: {asks}, for one {moved[0].id}; they count as one (one cluster)")
        if entry.split is None and (said := unsplit(suite)):
            notes.append(f"suite {name}: {said}")
        suites[place] = suite
    return suites, notes


def _own_keys(value: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Refuses models' keys that are another backend's; a replay may keep what was said of the model that it repeats."""
    if not isinstance(models := value.get("models"), Mapping):
        return dict(value)
    keys = {name: set(backend.entry.model_fields) for name, backend in BACKENDS.items()}
    found = dict(models)
    for name, entry in models.items():
        backend = entry.get("backend") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping):
            continue
        if not isinstance(backend, str):  # else all its other keys would be blamed
            known, field = f"one of {', '.join(BACKENDS)}", f"models.{name}.backend"
            if "backend" not in entry:
                raise UserFileError(path, "this key is missing", field=field, advice=f"add {known}")
            found_now = "nothing" if backend is None else repr(backend)[:60]
            raise UserFileError(path, f"found {found_now}", field=field, advice=f"needed: {known}")
        if (why := BACKENDS.refusal(backend)) is not None:
            problem, _, advice = why.partition("; ")
            raise UserFileError(path, problem, field=f"models.{name}.backend", advice=advice)
        foreign = {key for key in entry if key not in keys[backend] and any(key in own for own in keys.values())}
        found[name] = {key: value for key, value in entry.items() if key not in foreign}
        for key in sorted(foreign) if not BACKENDS[backend].recorded else ():
            others = ", ".join(other for other, own in keys.items() if key in own)
            problem = f"the backend {backend} takes no {key}, which is for {others}"
            raise UserFileError(path, problem, field=f"models.{name}.{key}", advice="take it out")
    return {**value, "models": found}


def _check_names(names: Iterable[str], path: Path, key: str) -> None:
    """No two names that a reader, or a file system, takes for one."""
    seen: dict[str, str] = {}
    for name in names:
        if (hidden := unseen(name)) is not None:
            problem = f"the name {name!a} holds {hidden}, which cannot be seen"
            raise UserFileError(path, problem, field=key, advice="take it out")
        if (other := seen.setdefault(skeleton(name), name)) != name:
            problem = f"the names {other!r} and {name!r} look alike and differ in {difference(other, name)}"
            raise UserFileError(path, problem, field=key, advice="rename one")


def _check_contenders(experiment: Experiment, path: Path) -> None:
    contenders = experiment.contenders
    for name, entry in contenders.items():
        field = f"contenders.{entry.seed_of or name}"
        if entry.model is not None:
            check_known(entry.model, experiment.models, "model", path, f"{field}.model")
            backend = BACKENDS[experiment.models[entry.model].backend]
            if entry.adapter is not None and not (ADAPTERS in backend.can or backend.recorded):
                advice = f"use the backend {' or '.join(n for n, other in BACKENDS.items() if ADAPTERS in other.can)}"
                problem = f"the model {entry.model} has the backend {backend.name}, which takes no adapter"
                raise UserFileError(path, problem, field=f"{field}.adapter", advice=advice)
        if entry.author is not None:
            check_known(entry.author, experiment.models, "model", path, f"{field}.author")
        named = [(key, part) for key in ("worker", "expert", "lead") if (part := getattr(entry, key)) is not None]
        for key, part in [*named, *((f"workers.{i}", part) for i, part in enumerate(entry.workers or ()))]:
            check_known(part, contenders, "contender", path, f"{field}.{key}")
        like = entry.escalate.like if entry.escalate else None
        if like is not None and (like not in contenders or not contenders[like].worker):
            hybrids = [n for n, e in contenders.items() if e.worker and n != name]
            problem = f"random:{like} names neither a share between 0 and 1 nor a hybrid"
            raise UserFileError(path, problem, field=f"{field}.escalate.signal", advice=nearest(like, hybrids))
        for key, part in _handed(entry):
            _check_handed(part, contenders[part], path, f"{field}.{key}", first=key in {"lead", "worker"})
    made_of = {name: {*entry.others} for name, entry in contenders.items()}
    try:
        TopologicalSorter(made_of).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        problem = f"a hybrid is made of itself: {' -> '.join(circle)}"
        raise UserFileError(path, problem, field=f"contenders.{circle[-2]}") from None
    for name, entry in contenders.items():
        if entry.escalate and SIGNALS[entry.escalate.name].logprobs and not contenders[str(entry.worker)].model:
            problem = f"the worker {entry.worker} is a hybrid, which has no log-probabilities of its own"
            raise UserFileError(path, problem, field=f"contenders.{name}.worker", advice="name its worker")


def _handed(entry: ContenderEntry) -> list[tuple[str, str]]:
    """The parts of a contender that hands work on by a tool, with the keys that name them; the first one first."""
    if entry.lead is not None:
        return [("lead", entry.lead), *((f"workers.{i}", name) for i, name in enumerate(entry.workers or ()))]
    if entry.escalate is not None and SIGNALS[entry.escalate.name].tool:
        return [("worker", str(entry.worker)), ("expert", str(entry.expert))]
    return []


def _check_handed(name: str, entry: ContenderEntry, path: Path, field: str, *, first: bool) -> None:
    """Refuses a part that is not one model with a conversation of its own."""
    what = "answers in a way of an installed package" if entry.system else ""
    what = "has its skill written first" if first and entry.writer else what
    what = "is itself made of contenders" if entry.model is None else what
    if what:
        problem = f"{name} {what}, and work is handed from one model to another"
        raise UserFileError(path, problem, field=field, advice="name a contender that is a model with its own skills")


def _refuse_secrets(value: Any, path: Path, field: str) -> None:
    """Refuses a key, password or token anywhere in the file; the message never repeats it."""
    problem, advice = "", "put it in an environment variable and name that in api_key_env"
    if isinstance(value, str) and holds_secret(value):
        raise UserFileError(path, "this looks like a key or a password", field=field, advice=advice)
    below = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, held in below:
        where, word = f"{field}.{key}" if field else str(key), str(key).lower().replace("-", "_")
        if _SECRET_KEY.search(word) and isinstance(held, (str, int)):
            problem = "the file holds a secret"
        if key == "api_key_env" and isinstance(held, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", held):
            problem, advice = "this is no name of an environment variable", "write the variable's name, not the key"
        if problem:
            raise UserFileError(path, problem, field=where, advice=advice)
        _refuse_secrets(held, path, where)


def model_spec(name: str, entry: ModelEntry, report: Path) -> ModelSpec:
    """The model as the experiment names it, with the digest of whatever can change its answers."""
    backend, given, path = BACKENDS[entry.backend], dict(entry), experiment_file(report)
    if backend.recorded:
        return _replayed(name, entry, report)
    model = entry.model or ""
    if "path" in given:
        model = str(resolve(report, given["path"] or model, field=f"models.{name}.path"))
    spec = ModelSpec(
        name=name,
        backend=entry.backend,
        model=model,
        revision=entry.revision or "",
        sampling=entry.sampling,
        base_url=given.get("base_url"),
        api_key_env=given.get("api_key_env"),
        price=entry.own_price() or (book_price(model) if backend.booked else None),
        options=entry.settings,
        **_terms(entry),
    )
    if (wrong := backend.wrong_setting(spec)) is not None:
        raise UserFileError(path, wrong[1], field=f"models.{name}.{wrong[0]}")
    return identified(spec)


def _replayed(name: str, entry: ModelEntry, report: Path) -> ModelSpec:
    """A recorded model: it takes the recorded identity, so that its requests are those that were recorded."""
    field, written = f"models.{name}.report", str(dict(entry)["report"])
    source, wanted = resolve(report, written, field=field), entry.model or name
    manifest = read_manifest(source)
    recorded = {model.name: model for model in manifest.models} if manifest else {}
    if wanted not in recorded:
        problem = f"the report {written} holds no answers of a model named {wanted!r}"
        raise UserFileError(experiment_file(report), problem, field=field, advice=nearest(wanted, recorded))
    model = recorded[wanted]
    behind = model.recorded_backend or model.backend
    told = {"report": str(source), "capabilities": list(model.capabilities), "recorded_backend": behind}
    return ModelSpec(
        name=name,
        backend=entry.backend,
        model=wanted,
        revision=model.revision,
        sampling=model.sampling,
        template_digest=model.template_digest,
        price=entry.own_price() or model.price,
        options=entry.settings | told,
        digest=model.digest,
        apart=model.apart,
        tuned=model.tuned,
        **({"licence": model.licence, "available_until": model.available_until} | _terms(entry)),
    )


def ended_notes(spec: ModelSpec) -> tuple[str, ...]:
    """That a model's last day has passed, where it has."""
    if not spec.available_until or spec.available_until >= str(dt.datetime.now(tz=dt.UTC).date()):
        return ()
    said = f"models.{spec.name}.available_until is {spec.available_until}, which has passed, and its calls may fail"
    return (f"{said}; correct the date, or take its contenders out",)


def _terms(entry: ModelEntry) -> dict[str, Any]:
    """What the entry says of its licence and of its last day."""
    return {key: str(told) for key in ("licence", "available_until") if (told := getattr(entry, key)) is not None}
