"""Opening models: what is refused before anything is sent, and what is not imported."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from pydantic import ValidationError

from harness.core import Cause, ModelError, ModelSpec, Redactor, Request, UsageError
from harness.model import (
    ADAPTERS,
    BACKENDS,
    TOOLS,
    assistant_message,
    backend,
    backend_of,
    identified,
    missing_key,
    open_model,
)
from harness.model.entry import is_loopback

LITELLM = pytest.mark.filterwarnings(*servers.LITELLMS_OWN_WARNINGS)


def opened(spec: ModelSpec, environment: dict[str, str] | None = None, **more):
    return open_model(spec, redact=Redactor(), environment=environment or {}, **more)


def openai(**changes) -> ModelSpec:
    return ModelSpec(
        **({"name": "w", "backend": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"} | changes)
    )


def test_importing_the_room_imports_no_backends_package():
    heavy = "{'aiohttp', 'litellm', 'torch', 'transformers', 'httpx'}"
    code = f"import sys, harness.model; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_imports_litellm_no_sooner_than_it_is_needed():
    code = (
        "import sys; from harness.core import ModelSpec, Redactor; from harness.model import open_model;"
        "spec = ModelSpec(name='f', backend='litellm', model='anthropic/x');"
        "open_model(spec, redact=Redactor(), environment={'ANTHROPIC_API_KEY': 'value'});"
        "print('litellm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'openai'"):
        opened(openai(backend="opena"))


@pytest.mark.parametrize("name", BACKENDS)
def test_each_backend_stands_where_its_line_says(name):
    assert BACKENDS[name].name == name
    assert (Path(backend.__file__).parent / "backends" / f"{name}.py").is_file()


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'litellm\[mcp\]==[\d.]+'$"):
        opened(ModelSpec(name="f", backend="litellm", model="anthropic/x"))
    with pytest.raises(UsageError, match=r"pip install .*'torch>=[\d.]+'"):
        opened(ModelSpec(name="f", backend="transformers", model="x"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_url": None}, "base_url"),
        ({"base_url": "127.0.0.1:8000/v1"}, "http://"),
        ({"streams": True}, "streams"),
    ],
)
def test_a_model_that_cannot_work_is_refused_as_it_is_written(changes, said):
    entry = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:8000/v1"}
    assert BACKENDS["openai"].entry.model_validate(entry)
    with pytest.raises(ValidationError, match=said):
        BACKENDS["openai"].entry.model_validate(entry | changes)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.9.10", True),
        ("http://localhost:1", True),
        ("http://[::1]:8000", True),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0:8000", False),
        ("https://api.example.com/v1", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@example.com/", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_what_offline_takes_for_this_machine(url, here):
    assert is_loopback(url) is here


def test_offline_refuses_what_is_elsewhere():
    for spec in (
        openai(base_url="https://api.example.com/v1"),
        ModelSpec(name="f", backend="litellm", model="anthropic/x"),
        ModelSpec(name="f", backend="litellm", model="anthropic/x", base_url="https://api.example.com"),
    ):
        with pytest.raises(UsageError, match="--offline"):
            opened(spec, offline=True)


async def test_a_redirect_is_not_followed_anywhere():
    async with servers.Running() as served:

        async def moved(served, request, body):
            return servers.web.Response(status=307, headers={"Location": "http://192.0.2.1/chat/completions"})

        served.script = [moved]
        model = opened(openai(base_url=served.url), offline=True)
        with pytest.raises(ModelError) as caught:
            await model.answer(Request(model="d", messages=()))
        await model.close()
    assert caught.value.cause is Cause.REQUEST
    assert caught.value.http_status == 307


async def test_a_missing_key_is_named_before_anything_is_sent():
    with pytest.raises(UsageError, match="MY_KEY is not set"):
        await opened(openai(api_key_env="MY_KEY")).prepare()
    await opened(openai(api_key_env="MY_KEY"), {"MY_KEY": "value\n"}).prepare()
    await opened(openai()).prepare()


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("abc\ndef-4711", "a line break"),
        ("abc\r\nX-Other: 4711", "a line break"),
        ("abc\t4711", "a character"),
        ("abc\x004711", "a character"),
        ("abc\x7f4711", "a character"),
        ("abc\u20264711", "a character"),
        ("\u201cabc4711\u201d", "a character"),
    ],
)
def test_a_key_that_no_header_may_have_is_refused_and_not_repeated(key, what):
    litellm = ModelSpec(name="f", backend="litellm", model="anthropic/x")
    google = ModelSpec(name="f", backend="litellm", model="gemini/x")
    named = ((openai(api_key_env="MY_KEY"), "MY_KEY"), (replace(litellm, api_key_env="MY_KEY"), "MY_KEY"))
    for spec, name in (*named, (litellm, "ANTHROPIC_API_KEY"), (google, "GOOGLE_API_KEY")):
        said = missing_key(spec, {name: key, "SSH_PRIVATE_KEY": "a\nb", "OTHER_API_KEY": "a\nb"})
        assert said is not None
        assert f"{name} holds {what}" in said
        assert "4711" not in said
        assert "\n" not in said
    assert missing_key(litellm, {"ANTHROPIC_API_KEY": "abc\n"}) is not None  # litellm would send it as it is


@pytest.mark.parametrize(
    ("model", "variable", "others"),
    [
        ("anthropic/x", "ANTHROPIC_API_KEY", {"ANTHROPIC_AUTH_TOKEN": "value"}),
        ("claude-x", "ANTHROPIC_API_KEY", {}),
        ("gpt-x", "OPENAI_API_KEY", {}),
        ("openrouter/openai/x", "OPENROUTER_API_KEY", {}),
        ("gemini/x", "GEMINI_API_KEY", {"GOOGLE_API_KEY": "value"}),
        ("together_ai/x", "TOGETHERAI_API_KEY", {}),
        ("perplexity/x", "PERPLEXITYAI_API_KEY", {}),
        ("fireworks_ai/x", "FIREWORKS_AI_API_KEY", {"FIREWORKS_API_KEY": "value"}),
    ],
)
def test_the_usual_key_of_a_provider_is_missed_without_litellm(model, variable, others):
    spec = ModelSpec(name="f", backend="litellm", model=model)
    assert f"{variable} is not set" in str(missing_key(spec, {variable: " ", "MY_KEY": "value"}))
    assert missing_key(spec, {variable: "value"}) is None
    assert not others or missing_key(spec, others) is None
    assert missing_key(replace(spec, api_key_env="MY_KEY"), {"MY_KEY": "value"}) is None


@LITELLM
def test_the_usual_keys_are_those_that_litellm_asks_for(monkeypatch):
    from harness.model.backends.litellm import _KEYS, _litellm

    for provider, variables in _KEYS.items():
        for variable in variables:
            monkeypatch.delenv(variable, raising=False)
        found = _litellm().validate_environment(model=f"{provider}/x")
        known = set(found["missing_keys"]) & set(variables)
        assert known or not found["missing_keys"], provider
        for variable in variables:
            with monkeypatch.context() as set_:
                set_.setenv(variable, "value")
                assert not _litellm().validate_environment(model=f"{provider}/x")["missing_keys"], variable


def test_a_provider_that_needs_no_key_here_misses_none():
    for model in ("ollama/x", "bedrock/x", "vertex_ai/x", "hosted_vllm/x", "gemini-x"):
        assert missing_key(ModelSpec(name="f", backend="litellm", model=model), {}) is None


def test_a_key_is_a_key_though_a_line_ends_after_it():
    others = {"SSH_PRIVATE_KEY": "a\nb", "OPENAI_API_KEY": "a\nb"}
    assert missing_key(openai(api_key_env="MY_KEY"), {"MY_KEY": " value \n", **others}) is None
    assert missing_key(openai(), others) is None
    spec = ModelSpec(name="f", backend="litellm", model="anthropic/x")
    assert missing_key(spec, {"ANTHROPIC_API_KEY": "value", **others}) is None
    assert "MY_KEY is not set" in str(missing_key(openai(api_key_env="MY_KEY"), {"MY_KEY": "  "}))


@LITELLM
async def test_litellm_names_the_key_that_its_provider_needs(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    spec = ModelSpec(name="f", backend="litellm", model="anthropic/claude-3-haiku-20240307")
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY is not set"):
        await opened(spec).prepare()


@LITELLM
@pytest.mark.parametrize(
    ("name", "sampling", "sent", "left_out"),
    [
        ("anthropic/claude-opus-4-7", {"temperature": 0, "max_tokens": 9}, {"max_tokens": 9}, ["temperature: 0 "]),
        ("anthropic/claude-3-haiku-20240307", {"seed": 1, "temperature": 0}, {"temperature": 0}, ["seed: 1 "]),
        ("anthropic/claude-3-haiku-20240307", {"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}, []),
    ],
)
async def test_litellm_leaves_out_sampling_that_a_model_does_not_take_and_says_so(name, sampling, sent, left_out):
    async with servers.Running(servers.anthropic_good) as served:
        spec = ModelSpec(
            name="f", backend="litellm", model=name, api_key_env="K", base_url=served.url, sampling=sampling
        )
        model = opened(spec, {"K": "a-key-for-tests"})
        await model.prepare()
        await model.answer(Request(model="d", messages=({"role": "user", "content": "?"},), sampling=sampling))
        await model.close()
    body = served.seen[0]["body"]
    assert {key: body[key] for key in body if key in sampling} == sent
    notes = backend_of(spec).notes(spec)
    assert len(notes) == len(left_out)
    assert all(word in note and name in note for word, note in zip(left_out, notes, strict=True))


@LITELLM
async def test_litellm_holds_no_adapters(tmp_path):
    model = opened(
        ModelSpec(name="f", backend="litellm", model="anthropic/x", api_key_env="K"), {"K": "a-key-for-tests"}
    )
    assert ADAPTERS not in backend_of(model.spec).capabilities(model.spec)
    with pytest.raises(UsageError, match="adapters"):
        await model.prepare([tmp_path])


@LITELLM
async def test_litellm_says_nothing_on_its_own(capfd):
    async with servers.Running() as served:
        served.script = [servers.status(500, "no")]
        spec = ModelSpec(name="f", backend="litellm", model="openai/x", base_url=served.url, api_key_env="K")
        model = opened(spec, {"K": "a-key-for-tests"})
        with pytest.raises(ModelError):
            await model.answer(Request(model="d", messages=({"role": "user", "content": "?"},)))
        await model.close()
    assert capfd.readouterr() == ("", "")


async def test_an_adapter_is_asked_for_by_its_folders_name():
    async with servers.Running() as served:
        model = opened(openai(base_url=served.url))
        await model.prepare([Path("adapters/tickets"), Path("adapters/claims")])
        await model.answer(Request(model="d", messages=(), adapter="adapters/tickets"))
        await model.answer(Request(model="d", messages=()))
        with pytest.raises(UsageError, match="rename one"):
            await model.prepare([Path("a/tickets"), Path("b/tickets")])
        await model.close()
    assert [seen["body"]["model"] for seen in served.seen] == ["tickets", "m"]


async def test_sampling_goes_out_as_it_is_and_is_the_last_word():
    async with servers.Running() as served:
        model = opened(openai(base_url=served.url))
        sampling = {"temperature": 0, "top_p": 0.5, "stop": ["\n"], "seed": 7, "tool_choice": "none", "min_p": 0.1}
        await model.answer(Request(model="d", messages=({"role": "user", "content": "\ud800"},), sampling=sampling))
        await model.close()
    body = served.seen[0]["body"]
    assert {name: body[name] for name in sampling} == sampling
    assert set(body) == set(sampling) | {"model", "messages"}


@LITELLM
async def test_a_model_may_be_said_to_know_no_tools():
    async with servers.Running() as served:
        for backend, name in (("openai", "m"), ("litellm", "openai/gpt-4o")):
            spec = openai(backend=backend, model=name, base_url=served.url, api_key_env="K", options={"tools": False})
            model = opened(spec, {"K": "a-key-for-tests"})
            await model.prepare()
            assert TOOLS not in backend_of(model.spec).capabilities(model.spec)
            await model.answer(Request(model="d", messages=({"role": "user", "content": "?"},)))
            await model.close()
    assert all("tools" not in seen["body"] for seen in served.seen)


def test_malformed_arguments_go_back_as_valid_json():
    from harness.core import Reply, ToolCall

    message = assistant_message(Reply(text="", tool_calls=(ToolCall(id="a", name="f", arguments=None, raw="{oops"),)))
    assert message["tool_calls"][0]["function"]["arguments"] == '{"malformed": "{oops"}'


def test_replay_without_a_report_says_so():
    with pytest.raises(UsageError, match="no recorded report"):
        opened(ModelSpec(name="r", backend="replay"))


def test_reasoning_that_is_part_of_the_text_is_another_model_and_apart_is_as_ever():
    assert identified(openai()).digest != identified(openai(options={"reasoning": "keep"})).digest
    entry = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    Entry = BACKENDS["openai"].entry
    assert Entry(**entry, reasoning="separate").settings == Entry(**entry).settings == {}
    assert Entry(**entry, reasoning="keep").settings == {"reasoning": "keep"}
    with pytest.raises(ValueError, match="separate"):
        Entry(**entry, reasoning="hide")
