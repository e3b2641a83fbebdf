"""What an experiment says of its contenders, read and checked one after another, as plans of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import Grader, RenderedPrompt, Suite, UserFileError, digest_json
from harness.experiment.build import DirectPlan, HandingPlan, HybridPlan, Plan
from harness.experiment.reading import check_known, resolve, without_places
from harness.experiment.schema import ContenderEntry, Experiment
from harness.retrieval import WORDING, Context, Cut, read_documents, with_context
from harness.store import experiment_file
from harness.suite import INPUT_UNUSED, read_prompt, render, uses_task
from harness.system import NONE, SIGNALS, SYSTEMS, Hands
from harness.userfile import parse

NAMED = 6  # files that a note lists
QUESTIONS, SUBTASKS = 1, 8  # that an attempt may hand on, where the experiment does not say


class Planner:
    """Reads one contender of an experiment after another, and renders each template once over each suite."""

    def __init__(
        self, report: Path, experiment: Experiment, suites: Mapping[Path, Suite], graders: Mapping[str, Grader]
    ) -> None:
        self.report, self.experiment, self.graders = report, experiment, graders
        self.path = experiment_file(report)
        self.places = {suite.name: place for place, suite in suites.items()}
        self.suites = {suite.name: suite for suite in suites.values()}
        self._rendered: dict[tuple[str, str], RenderedPrompt] = {}
        self.contexts: dict[str, Context] = {}  # those that contenders have
        self.notes: list[str] = []  # what of the documents a user should know

    def plan(self, name: str) -> Plan:
        """What a contender is to be. Raises UserFileError: a file, a suite or a form of answer is not to be had."""
        entry = self.experiment.contenders[name]
        field = f"contenders.{entry.seed_of or name}"
        written = entry.model_dump(mode="json", exclude_none=True)
        written |= {key: without_places(written[key]) for key in ("adapter", "skills", "prompt") if key in written}
        written |= {"author": entry.writer} if entry.writer else {}
        if entry.lead is not None:
            most = entry.most or SUBTASKS
            return HandingPlan(
                first=entry.lead, others=tuple(entry.workers or ()), leads=True, most=most, written=written
            )
        if (rule := entry.escalate) is not None and SIGNALS[rule.name].tool:
            asked, most = (str(entry.expert),), rule.most or QUESTIONS
            return HandingPlan(first=str(entry.worker), others=asked, leads=False, most=most, written=written)
        if rule is not None:
            return HybridPlan(
                worker=str(entry.worker),
                expert=str(entry.expert),
                signal=rule.name,
                threshold=rule.confidence,
                rate=rule.share,
                draws=rule.draws,
                like=rule.like,
                verifier=rule.verifier,
                written=written,
            )
        for key in ("adapter", "skills"):
            if isinstance(by_suite := getattr(entry, key), Mapping):
                self._check_names(by_suite, f"{field}.{key}")
                # a silent gap would compare the bare model under a tuned name
                if missing := [suite for suite in self.suites if suite not in by_suite]:
                    problem, advice = f"nothing is given for the suite {missing[0]!r}", f"add {missing[0]}: …"
                    raise UserFileError(self.path, problem, field=f"{field}.{key}", advice=advice)
        self._check_names(entry.own_prompts, f"{field}.prompt")
        inherited = self.experiment.models[str(entry.model)].sampling.get("response_format")
        form = entry.response_format or inherited
        where = field if entry.response_format else f"models.{entry.model}.sampling"
        system = None
        if (way := entry.system) is not None:
            if entry.delivery != NONE:
                problem = "system does not go with skills, which only the ways of this program deliver"
                raise UserFileError(self.path, problem, field=f"{field}.system", advice="take one of the two out")
            given = {key: value for key, value in way.items() if key != "name"}
            system = way["name"], parse(SYSTEMS[way["name"]].options, given, self.path, field=f"{field}.system")
        adapters = {suite: entry.adapter_for(suite) for suite in self.suites}
        skills = {suite: entry.skills_for(suite) for suite in self.suites if entry.delivery != NONE}
        return DirectPlan(
            model=str(entry.model),
            adapters={s: resolve(self.report, text, field=f"{field}.adapter") for s, text in adapters.items() if text},
            skills={
                suite: tuple(resolve(self.report, text, field=f"{field}.skills") for text in texts)
                for suite, texts in skills.items()
                if texts
            },
            prompts={suite: self._prompt(entry, suite, field) for suite in self.suites},
            context=self._context(entry.context, field) if entry.context else None,
            forms={} if form is None else {s: self._form(form, s, f"{where}.response_format") for s in self.suites},
            delivery=entry.delivery,
            author=entry.writer,
            system=system,
            hands=self._hands(entry, field),
            twin=entry.twin,
            written=written,
        )

    def _hands(self, entry: ContenderEntry, field: str) -> Hands | None:
        """The tools of a contender that works in a box."""
        if entry.tools is None:
            return None
        if entry.system is not None:
            problem = "tools do not go with system, which answers in a way of its own"
            raise UserFileError(self.path, problem, field=f"{field}.tools", advice="take one of the two out")
        bounds = {"turns": entry.turns} if entry.turns else {}
        return Hands(tools=tuple(entry.tools), tokens=entry.tokens, sandbox=self.experiment.sandbox, **bounds)

    def _check_names(self, by_suite: Mapping[str, Any], field: str) -> None:
        for suite in by_suite:
            check_known(suite, self.suites, "suite", self.path, field)

    def _prompt(self, entry: ContenderEntry, name: str, field: str) -> RenderedPrompt:
        """What a contender is asked at a suite: by a prompt of its own, else by the suite's."""
        suite, files = self.suites[name], entry.prompt_for(name)
        template = suite.prompt.template
        if files is not None:
            template = read_prompt(files, lambda text: resolve(self.report, text, field=f"{field}.prompt"))
        key = (template.digest, name)
        if key not in self._rendered:
            own = template == suite.prompt.template
            prompt = suite.prompt if own else render(template, suite.tasks, self.path)
            if not uses_task(prompt) and len(suite.tasks) > 1:
                place = self.places[name] if own else Path(template.files["user"])
                raise UserFileError(place, INPUT_UNUSED, field="prompt" if own else "")
            self._rendered[key] = prompt
        if entry.context is None:
            return self._rendered[key]
        context = self._context(entry.context, field)
        for task in suite.tasks if context.variables else ():
            if (problem := context.wrong(task)) is not None:
                advice = "write {{ domain }}, {{ id }} or {{ metadata.KEY }} of a key that every task has"
                raise UserFileError(self.path, problem, field=f"context.{entry.context}.filter", advice=advice)
        return with_context(self._rendered[key], context, suite.tasks)

    def _context(self, name: str, field: str) -> Context:
        """The documents of that name, read once."""
        check_known(name, self.experiment.context, "context", self.path, f"{field}.context")
        if name not in self.contexts:
            entry, where = self.experiment.context[name], f"context.{name}.documents"
            cut = Cut(tokens=entry.chunk_tokens, overlap=entry.overlap, dedupe=entry.dedupe)
            place = resolve(self.report, entry.documents, field=where)
            try:
                collection = read_documents(place, cut)
            except UserFileError as error:
                raise error.named_in(self.path, where) from None
            wanted = entry.filter or {}
            identity = digest_json([WORDING, collection.digest, entry.k, wanted])
            self.contexts[name] = Context(collection=collection, k=entry.k, wanted=wanted, identity=identity)
            skipped = collection.skipped
            more = f"; and {len(skipped) - NAMED:,} more" if skipped[NAMED:] else ""
            note = f"nothing is read of these in {entry.documents}: {'; '.join(skipped[:NAMED])}{more}"
            if skipped and note not in self.notes:  # contexts may share a folder
                self.notes.append(note)
        return self.contexts[name]

    def _form(self, written: Any, suite: str, field: str) -> Mapping[str, Any]:
        """The ``response_format`` that is sent; of ``json_schema`` the schema is that of the suite's grader."""
        if written != "json_schema":
            return {"type": written} if isinstance(written, str) else written
        used = {id(by): by for by in (self.graders[task.digest] for task in self.suites[suite].tasks)}.values()
        schemas = {digest_json(schema): schema for by in used if (schema := by.schema_of_answers) is not None}
        names = ", ".join(sorted({by.name for by in used if by.schema_of_answers is None}))
        if names or len(schemas) != 1:
            found = f"its grader {names} has no JSON schema" if names else "its tasks have several"
            problem = f"the schema is that of the suite's grader, and {suite} has none for all its tasks: {found}"
            advice = "use the grader json_schema, write the schema out as a mapping, or write json_object"
            raise UserFileError(self.path, problem, field=field, advice=advice)
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": next(iter(schemas.values()))}}
