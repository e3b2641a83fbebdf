"""Whatever can change an answer changes a contender's digest and its requests' digests; nothing else does."""

from dataclasses import replace

import made
import pytest
from made import TASK, FakeSession, spec

from harness.core import Message, PromptTemplate, RenderedPrompt
from harness.experiment import DirectPlan, HybridPlan

BASE = {"model": "m", "revision": "1", "sampling": {"temperature": 0, "max_tokens": 9}}


def digests(plan, **specs):
    """Of the contender, and of its first request."""
    system = made.built({"c": plan}, **specs)["c"]
    return system.contender.digest, system.preview(TASK, 0).digest


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"revision": "2"},
        {"backend": "litellm"},
        {"sampling": {"temperature": 0.7, "max_tokens": 9}},
        {"sampling": {"temperature": 0, "max_tokens": 10}},
        {"sampling": {"temperature": 0, "max_tokens": 9, "seed": 1}},
        {"options": {"tools": False}},
        {"options": {"dtype": "float16"}},
    ],
)
def test_a_model_that_answers_otherwise_is_another(change):
    plan = DirectPlan(model="m")
    before, after = digests(plan, m=spec("m", **BASE)), digests(plan, m=spec("m", **(BASE | change)))
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("change", [{"base_url": "http://h/v1"}, {"api_key_env": "K"}, {"options": {"stream": True}}])
def test_where_a_model_is_served_does_not_matter(change):
    plan = DirectPlan(model="m")
    assert digests(plan, m=spec("m", **BASE)) == digests(plan, m=spec("m", **(BASE | change)))


@pytest.fixture
def library(tmp_path):
    made.write_skill(tmp_path / "lib", "alpha", references__more="more")
    made.write_skill(tmp_path / "lib", "beta")
    return tmp_path / "lib"


def test_every_change_of_a_skill_and_of_its_delivery_counts(library):
    def now(delivery="progressive", folder=library):
        return digests(DirectPlan(model="m", skills={"s": (folder,)}, delivery=delivery))[0]

    seen = [digests(DirectPlan(model="m"))[0]]
    seen += [now(delivery) for delivery in ("flat", "progressive", "placebo")]
    seen.append(now(folder=library / "alpha"))
    for path, text in (
        ("alpha/SKILL.md", "---\nname: alpha\ndescription: About alpha.\n---\nanother body\n"),
        ("alpha/SKILL.md", "---\nname: alpha\ndescription: Another.\n---\nanother body\n"),
        ("alpha/references/more.md", "much more"),
        ("beta/references.md", "a new file"),
    ):
        (library / path).write_text(text)
        seen.append(now())
    assert len(set(seen)) == len(seen)
    assert now() == now()


def test_an_adapter_counts_by_its_weights_and_its_configuration_and_not_by_its_place(tmp_path):
    def now(folder):
        return digests(DirectPlan(model="m", adapters={"s": folder}))

    one = now(made.write_adapter(tmp_path / "a"))
    assert now(made.write_adapter(tmp_path / "b")) == one
    others = [now(made.write_adapter(tmp_path / "c", **change)) for change in ({"filling": 1}, {"rank": 3})]
    others.append(digests(DirectPlan(model="m")))
    for place in (0, 1):
        assert len({one[place], *(other[place] for other in others)}) == 4


def test_a_hybrid_is_its_parts_and_its_rule():
    def now(seed=0, model="w", **keys):
        plans = {"cheap": DirectPlan(model=model), "dear": DirectPlan(model="e")}
        given = {"worker": "cheap", "expert": "dear", "signal": "margin", "threshold": 0.5} | keys
        return made.built(plans | {"h": HybridPlan(**given)}, seed=seed)["h"].contender.digest

    changed = [
        now(),
        now(signal="logprob_mean"),
        now(threshold=0.6),
        now(threshold=None),
        now(signal="random", rate=0.1),
        now(signal="random", rate=0.2),
        now(signal="random", rate=0.2, seed=1),
        now(worker="dear", expert="cheap"),
        now(model="w2"),
        now(verifier={"name": "json_schema", "schema": {}}),
    ]
    assert len(set(changed)) == len(changed)


def test_every_field_of_a_request_counts_but_a_place_and_a_name():
    from harness.core import Request, Tool

    message: Message = {"role": "user", "content": "a"}
    tool = Tool(name="t", description="d", parameters={})
    base = Request(model="m", messages=(message,), adapter="here", adapter_digest="x")
    others = [
        replace(base, **change)
        for change in (
            {"model": "n"},
            {"messages": ({"role": "user", "content": "b"},)},
            {"messages": ({"role": "system", "content": "a"},)},
            {"sampling": {"temperature": 1}},
            {"tools": (tool,)},
            {"tools": (replace(tool, description="e"),)},
            {"adapter_digest": "y"},
            {"logprobs": True},
            {"trial": 1},
            {"scope": "c"},
            {"task": "t"},
        )
    ]
    assert len({request.digest for request in (base, *others)}) == len(others) + 1
    assert replace(base, adapter="there", contender="named").digest == base.digest


async def test_equal_contenders_share_answers_but_for_twins_and_a_hybrid_shares_its_parts():
    plans = {"one": DirectPlan(model="m"), "two": DirectPlan(model="m"), "aa": DirectPlan(model="m", twin=1)}
    plans["both"] = HybridPlan(worker="one", expert="aa", signal="always")
    systems = made.built(plans)
    session = FakeSession({"m": "right"})
    for system in systems.values():
        await system.answer(TASK, session)
    one, two, twin, first, second = [request.digest for _, _, request in session.asked]
    assert one == two != twin
    assert (first, second) == (one, twin)
    assert len({system.contender.digest for system in systems.values()}) == 3


def test_no_name_is_in_any_identity():
    def now(contender, model):
        plans = {contender: DirectPlan(model=model), "e": DirectPlan(model="e")}
        plans["h"] = HybridPlan(worker=contender, expert="e", signal="margin", threshold=0.5)
        systems = made.built(plans, **{model: spec(model, model="served")})
        return [systems[name].identity for name in (contender, "h")], systems[contender].preview(TASK, 0).digest

    assert now("base", "m") == now("renamed", "other")


def test_a_prompt_is_part_of_its_contender_and_of_no_task():
    other = RenderedPrompt(messages=made.PROMPT.messages, template=PromptTemplate(user="Say: {{ input }}"))
    assert digests(DirectPlan(model="m", prompts={"s": other})) != digests(DirectPlan(model="m"))
    same = RenderedPrompt(messages=made.PROMPT.messages, template=replace(made.PROMPT.template, files={"user": "x"}))
    assert digests(DirectPlan(model="m", prompts={"s": same})) == digests(DirectPlan(model="m"))


def test_a_prompt_that_shows_a_tasks_name_knows_the_task_by_it_too():
    renamed = replace(TASK, id="other")
    plain = made.PROMPT
    named = replace(plain, variables=frozenset({"input", "id"}))
    assert plain.identity_of(TASK) == plain.identity_of(renamed) == TASK.digest
    assert named.identity_of(TASK) != named.identity_of(renamed)


def test_a_worker_is_asked_for_signals_where_its_hybrid_needs_them_and_shares_them_alone_too():
    plans = {"cheap": DirectPlan(model="w"), "dear": DirectPlan(model="e")}
    for signal, wanted in (("margin", True), ("always", False)):
        systems = made.built(plans | {"h": HybridPlan(worker="cheap", expert="dear", signal=signal, threshold=0.1)})
        assert systems["cheap"].preview(TASK, 0).logprobs is wanted
        assert systems["h"].preview(TASK, 0) == systems["cheap"].preview(TASK, 0)
        assert systems["dear"].preview(TASK, 0).logprobs is False
