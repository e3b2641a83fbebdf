"""Calls that local models write: read as transformers reads them where they are whole, and data where they are not."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from harness.core import ModelError, ModelSpec, Request, Tool, ToolCall
from harness.model import assistant_message, backend_of, tool_message
from harness.model.local_folder import Prompts, wrong_setting
from harness.model.tool_calls import family_of, numbered, reader_of, why_no_tools

pytestmark = pytest.mark.local

WORKER = Path(__file__).parents[2] / "adapters" / "base" / "worker"
SCHEMA = {"type": "object", "properties": {"part": {"type": "string"}, "n": {"type": "integer"}}}
PRICE = Tool(name="price", description="What a part costs.", parameters=SCHEMA)

HERMES = """{%- if tools %}<|system|>Tools: {% for tool in tools %}{{ tool | tojson }}{% endfor %}
Write <tool_call>{"name": …, "arguments": …}</tool_call>.<|end|>{% endif %}
{%- for m in messages %}<|{{ m.role }}|>{{ m.content }}
{%- for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}<|end|>{% endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""
"""A template in the manner of Hermes, on the marks of the demo's worker."""
MISTRAL = "[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{{ messages[-1].content }}[TOOL_CALLS]"
LLAMA3 = '<|start_header_id|>{{ tools | tojson }} {"name": …, "parameters": …}{{ messages[-1].content }}'

ANCHORS = {"hermes": "<|im_start|>", "mistral": "[/INST]", "llama3": "<|start_header_id|>"}
TEMPLATES = {
    "hermes": {
        "tool_calls": {"open": "<tool_call>", "close": "</tool_call>", "repeats": True, "content": "json"},
        "content": {"close_pattern": r"<\|im_end\|>"},
    },
    "mistral": {
        "tool_calls": {"open": "[TOOL_CALLS]", "close": "</s>", "content": "json"},
        "content": {"close": "</s>"},
    },
    "llama3": {
        "tool_calls": {
            "open_pattern": r'\{"name":\s*"(?P<name>[^"]+)",\s*"parameters":\s*',
            "close_pattern": r"\}<\|eot_id\|>",
            "content": "json",
            "repeats": True,
            "transform": {"name": "{name}", "arguments": "{content}"},
        },
        "content": {"close_pattern": r"<\|eot_id\|>"},
    },
}
"""The three families as response templates of transformers, which is the peer here."""
SIGNS = {"hermes": HERMES, "mistral": MISTRAL, "llama3": LLAMA3}


ONE = '<tool_call>{"name": "price", "arguments": {"part": "U3"}}</tool_call>'
TWO = '<tool_call>{"name": "price", "arguments": {"part": "é\\n"}}</tool_call>'


def read(family, answer, tools=(PRICE,)):
    text, calls = reader_of(SIGNS[family], None)(answer, "", tools)
    return text, [(call.name, call.arguments) for call in calls]


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("hermes", 'Let me look.\n<tool_call>\n{"name": "price", "arguments": {"part": "U3", "n": 2}}\n</tool_call>'),
        ("hermes", f"{ONE}{TWO}"),
        ("hermes", "The price is 4."),
        ("mistral", '[TOOL_CALLS][{"name": "price", "arguments": {"part": "U3"}, "id": "abc123456"}]</s>'),
        ("mistral", '[TOOL_CALLS] [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"n": [1]}}]</s>'),
        ("mistral", "It costs 4.</s>"),
        ("llama3", '{"name": "price", "parameters": {"part": "U3"}}<|eot_id|>'),
        ("llama3", "It costs 4.<|eot_id|>"),
    ],
)
def test_whole_calls_are_read_as_transformers_reads_them(family, answer):
    from transformers.utils.chat_parsing import parse_response

    peer = {"defaults": {"role": "assistant"}, "start_anchor": ANCHORS[family], "fields": TEMPLATES[family]}
    said = parse_response(answer, peer, prefix="")
    theirs = said.get("tool_calls") or []
    flat = [one for call in theirs for one in (call if isinstance(call, list) else [call])]
    text, calls = read(family, answer)
    assert calls == [(one["name"], one["arguments"]) for one in flat]
    for mark in ("</s>", "<|eot_id|>"):
        text = text.replace(mark, "")
    assert text.strip() == (said.get("content") or "").strip()


@pytest.mark.parametrize(
    ("family", "answer", "calls"),
    [
        ("hermes", '<tool_call>{"name": "price", "arguments": {part: }}</tool_call>', [("price", None)]),
        ("hermes", '<tool_call>\n{"name": "price", "argum', [("price", None)]),
        ("hermes", "<tool_call>nonsense</tool_call>", [("", None)]),
        ("hermes", '<tool_call>{"name": "price", "arguments": "{\\"n\\": 2}"}</tool_call>', [("price", {"n": 2})]),
        ("hermes", '<tool_call>{"name": "price", "arguments": [1]}</tool_call>', [("price", None)]),
        ("hermes", '<tool_call>{"name": 7, "arguments": {}}</tool_call>', [("", None)]),
        (
            "hermes",
            "<tool_call><function=price><parameter=part>\n7\n</parameter><parameter=n>7</parameter></function></tool_call>",
            [("price", {"part": "7", "n": 7})],
        ),
        ("hermes", "<tool_call><function=price><parameter=part>7", [("price", None)]),
        ("mistral", '[TOOL_CALLS][{"name": "price", "arguments": {"part"', [("price", None)]),
        ("mistral", '[TOOL_CALLS]price[ARGS]{"part": "U3"}[TOOL_CALLS]price{"n": 1}', [("price", {"part": "U3"}), ("price", {"n": 1})]),  # noqa: E501
        ("mistral", '[TOOL_CALLS]price[CALL_ID]abc[ARGS]{"part": ', [("price", None)]),
        ("llama3", '<|python_tag|>{"name": "a", "parameters": {}}; {"name": "b", "parameters": {"n": 1}}', [("a", {}), ("b", {"n": 1})]),  # noqa: E501
        ("llama3", '{"parameters": {"part": "U3"}, "name": "price"}<|eot_id|>', [("price", {"part": "U3"})]),
        ("llama3", '{"name": "price", "parameters": {"part', [("price", None)]),
        ("llama3", '{"label": "billing"}', []),  # an answer in JSON is no call
        ("llama3", 'I would call {"name": "price", "parameters": {}}', []),
    ],
)  # fmt: skip
def test_broken_and_unusual_calls_are_data(family, answer, calls):
    assert read(family, answer)[1] == calls


@pytest.mark.parametrize(
    ("family", "answer", "calls"),
    [
        # a mark within a text of the arguments is that text's own
        ("hermes", '<tool_call>{"name": "price", "arguments": {"part": "}</tool_call>{"}}</tool_call>', [("price", {"part": "}</tool_call>{"})]),  # noqa: E501
        ("hermes", "<tool_call><function=price><parameter=part>a</tool_call>b</parameter></function></tool_call>", [("price", {"part": "a</tool_call>b"})]),  # noqa: E501
        ("mistral", '[TOOL_CALLS]price[ARGS]{"part": "[TOOL_CALLS]{"}', [("price", {"part": "[TOOL_CALLS]{"})]),
        # no call is lost, and none is made twice
        ("hermes", '<tool_call>[{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]</tool_call>', [("a", {}), ("b", {})]),  # noqa: E501
        ("hermes", '<tool_call>{"name": "a", "arguments": {}}\n{"name": "b", "argu</tool_call>', [("a", {}), ("b", None)]),  # noqa: E501
        ("mistral", '[TOOL_CALLS]{"name": "a", "arguments": {"n": 1}}', [("a", {"n": 1})]),
        ("mistral", '[TOOL_CALLS][{"name": "a", "arguments": {}}, {"name": "b", "argum', [("a", {}), ("b", None)]),
        ("llama3", '<|python_tag|>{"name": "pri', [("", None)]),
        ("llama3", '<|python_tag|>price.call(part="U3")', [("", None)]),
        # what JSON does not know, and what no tool can be sent
        ("hermes", '<tool_call>{"name": "a", "arguments": {"n": NaN}}</tool_call>', [("a", None)]),
        ("mistral", '[TOOL_CALLS]a[ARGS]{"n": -Infinity}', [("a", None)]),
        ("llama3", '{"name": "a", "parameters": {"n": 1e999}}', [("a", None)]),
        ("hermes", '<tool_call>{"name": "a", "arguments": {"part": "\\ud800"}}</tool_call>', [("a", None)]),
        ("hermes", '<tool_call>{"name": "\\ud800", "arguments": {}}</tool_call>', [("?", {})]),
        ("hermes", '<tool_call>{"name": "a", "arguments": "U3"}</tool_call>', [("a", None)]),
        ("hermes", '<tool_call>{"name": "价格", "arguments": {"part": "Ünï 🛠"}}</tool_call>', [("价格", {"part": "Ünï 🛠"})]),  # noqa: E501
        ("hermes", "<tool_call><function=price><parameter=part>a</function></tool_call>", [("price", None)]),
        ("hermes", "<tool_call><function=a><parameter=n>1<tool_call><function=b></function></tool_call>", [("a", None), ("b", {})]),  # noqa: E501
        ("hermes", "<tool_call><function=price><parameter=n>NaN</parameter></function></tool_call>", [("price", {"n": "NaN"})]),  # noqa: E501
        # an answer in JSON that has a name is no call
        ("llama3", '{"name": "Simon", "label": "billing"}', []),
        ("llama3", '{"name": "Simon", "label": "bil', []),
        ("llama3", '{"name": "price"}', [("price", None)]),
    ],
)  # fmt: skip
def test_calls_are_neither_lost_nor_made_up(family, answer, calls):
    assert read(family, answer)[1] == calls


def test_a_call_that_was_only_thought_of_is_none():
    prompts = Prompts(WORKER)
    prompts.template = HERMES
    call = '<tool_call>{"name": "price", "arguments": {}}</tool_call>'
    for thought in (f"<think>perhaps {call}</think>", f"perhaps {call}</think>", f"<think>never ends {call}"):
        assert prompts.read(f"{thought}<|end|>", "", (PRICE,), keep=False)[2] == []
        _, text, calls = prompts.read(f"{thought}<|end|>", "", (PRICE,), keep=True)
        assert (text, calls) == (thought, [])
    told = prompts.read(f"<think>a</think>Now.{call}<|end|>", "", (PRICE,), keep=True)
    assert (told[1], [made.name for made in told[2]]) == ("<think>a</think>Now.", ["price"])
    for end in ("<|end|>", "\n<|end|>\n", "\n"):  # one that is cut has no end
        both = f"<think>perhaps {call}</think>\n\nNow.{call}{end}"
        assert [made.name for made in prompts.read(both, "", (PRICE,), keep=True)[2]] == ["price"]


def test_a_folder_s_own_response_template_comes_first():
    peer = {"defaults": {"role": "assistant"}, "start_anchor": "<|im_start|>", "fields": TEMPLATES["hermes"]}
    find = reader_of(MISTRAL, peer)
    text, calls = find('Now.<tool_call>{"name": "price", "arguments": {"n": 1}}</tool_call>', "", (PRICE,))
    assert (text, [(c.name, c.arguments) for c in calls]) == ("Now.", [("price", {"n": 1})])
    assert find('<tool_call>{"name": "price", "argu</tool_call>', "", (PRICE,))[1][0].arguments is None


@pytest.mark.parametrize("family", ["hermes", "mistral", "llama3"])
def test_what_a_call_says_of_its_arguments_is_json_alone(family):
    written = {
        "hermes": '<tool_call>{"name": "a", "arguments": {"n": 1}}</tool_call><|im_end|>',
        "mistral": '[TOOL_CALLS]a[ARGS]{"n": 1}</s>',
        "llama3": '{"name": "a", "parameters": {"n": 1}}<|eot_id|>',
    }
    (call,) = reader_of(SIGNS[family], None)(written[family], "", (PRICE,))[1]
    assert json.loads(call.raw) == call.arguments == {"n": 1}  # it goes back with the next turn


def test_ids_are_of_the_request_and_of_nine_letters():
    calls = [ToolCall(id="", name="a", arguments={})] * 2
    one, two = numbered(calls, "digest"), numbered(calls, "digest")
    assert one == two
    assert len({call.id for call in one}) == 2
    assert all(len(call.id) == 9 and call.id.isalnum() for call in one)


# -------------------------------------------------------------------------------------------------------- the template


def test_the_family_is_told_by_the_template_and_a_template_that_drops_tools_is_found(tmp_path):
    assert [family_of(t) for t in (HERMES, MISTRAL, LLAMA3, "{{ tools }}")] == ["hermes", "mistral", "llama3", ""]
    assert [why_no_tools(tmp_path, t) for t in (HERMES, MISTRAL, LLAMA3)] == ["", "", ""]
    dropped = "{% for m in messages %}{{ m.content }}{% endfor %}<tool_call>"
    assert why_no_tools(tmp_path, dropped) == "the chat template drops tools"
    names = "{% for t in tools %}{{ t.function.name }}{% endfor %}<tool_call>"  # and not what they take
    alone = "{% if messages[0].role == 'user' %}{{ tools | tojson }}{% endif %}<tool_call>"  # and not with a system
    assert {why_no_tools(tmp_path, template) for template in (names, alone)} == {"the chat template drops tools"}
    assert "is not known" in why_no_tools(tmp_path, "{{ tools | tojson }}")
    (tmp_path / "tokenizer_config.json").write_text('{"response_template": {"fields": {}}}')
    assert why_no_tools(tmp_path, "{{ tools | tojson }}") == ""


@pytest.fixture
def folder(tmp_path):
    def make(template):
        made = tmp_path / "model"
        shutil.copytree(WORKER, made)
        (made / "chat_template.jinja").write_text(template)
        return made

    return make


def spec(folder, **options):
    return ModelSpec(name="w", backend="transformers", model=str(folder), options=options)


def test_a_model_calls_tools_where_its_template_knows_them(folder):
    able = folder(HERMES)
    backend = backend_of(spec(able))
    assert "tools" in backend.capabilities(spec(able))
    assert "tools" not in backend.capabilities(spec(able, tools=False))
    assert "tools" not in backend.capabilities(spec(WORKER))
    assert wrong_setting(spec(able, tools=True)) is None
    name, why = wrong_setting(spec(WORKER, tools=True))
    assert (name, why) == ("tools", "the chat template drops tools; leave it out, and tools are offered by text")


CALLED = ToolCall(id="a12345678", name="price", arguments={"part": "U3"}, raw='{"part": "U3"}')


def test_tools_calls_and_results_are_rendered(folder):
    from harness.core import Reply

    talk = (
        {"role": "user", "content": "What is U3?"},
        assistant_message(Reply(text="", tool_calls=(CALLED,))),
        tool_message(CALLED, 'It "costs" 4.'),
    )
    prompts = Prompts(folder(HERMES))
    text = prompts.render(talk, (PRICE,))
    assert '"name": "price", "description": "What a part costs."' in text
    assert '<tool_call>\n{"name": "price", "arguments": {"part": "U3"}}\n</tool_call><|end|>' in text
    assert text.endswith('<|tool|>It "costs" 4.<|end|><|assistant|>')
    with pytest.raises(ModelError, match="drops the tool price; write tools: false"):
        Prompts(WORKER).render(talk[:1], (PRICE,))
    with pytest.raises(ModelError, match="drops the tool price"):
        Prompts(WORKER).render(talk)


def test_results_go_to_the_user_where_a_template_has_no_place_for_them(folder):
    strict = HERMES.replace(
        "{%- for m in",
        "{%- for m in messages if m.role == 'tool' %}{{ raise_exception('no') }}{% endfor %}{% for m in",
        1,
    )
    talk = ({"role": "user", "content": "Ask."}, {"role": "assistant", "content": "?"}, tool_message(CALLED, "4"))
    assert Prompts(folder(strict)).render(talk).endswith("<|user|>4<|end|><|assistant|>")


# ----------------------------------------------------------------------------------------------------------- the model


def scripted(model, answers):
    """The model with its own template and tokenizer, its weights' tokens written by a script."""
    from harness.model.local_batch import Voice, Whole

    tokenizer = model._own_prompts.tokenizer

    def decode(tokens, *, special=False):
        return tokenizer.decode(tokens, skip_special_tokens=not special)

    def write(rows):
        for row in rows:
            row.tokens = [*tokenizer.encode(answers.pop(0), add_special_tokens=False), tokenizer.eos_token_id]
            row.logprobs, row.margins = [-0.1] * len(row.tokens), [0.5] * len(row.tokens)
            row.finish_reason = "stop"

    class Scripted:
        room, max_new, device = 512, 64, "cpu"

        def batch(self, adapter):
            ends = frozenset([tokenizer.eos_token_id])
            return Whole(Voice(ask=None, takes=frozenset(), layers=1, device="cpu", ends=ends, decode=decode), write)

        def prefix(self, adapter, prompts):
            return None

    model._base = Scripted()
    return model


def test_reasoning_that_the_prompt_opened_and_marks_that_are_special_tokens_are_kept_apart():
    prompts = Prompts(WORKER)
    assert prompts.read("network?\n</think>\nbilling<|end|>", "<|assistant|><think>\n", (), keep=False) == (
        "network?",
        "billing",
        [],
    )
    assert prompts.read("<think>a</think>b<|end|>", "", (), keep=True) == ("", "<think>a</think>b", [])


async def test_a_reply_has_the_calls_and_what_was_thought(folder):
    from harness.model.local import LocalModel

    first = '<think>which part</think>I look.<tool_call>{"name": "price", "arguments": {"part": "U3"}}</tool_call>'
    model = scripted(LocalModel(spec(folder(HERMES))), [first, "<think>so</think>It is 4.", "<tool_call>{", "plain"])
    asked = {"model": "m", "messages": ({"role": "user", "content": "What is U3?"},), "tools": (PRICE,)}
    try:
        reply = await model.answer(Request(**asked))
        assert (reply.text, reply.reasoning, reply.finish_reason) == ("I look.", "which part", "tool_calls")
        assert [(call.name, call.arguments) for call in reply.tool_calls] == [("price", {"part": "U3"})]
        message = assistant_message(reply)
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"part": "U3"}
        result = tool_message(reply.tool_calls[0], "4")
        again = await model.answer(Request(**asked | {"messages": (*asked["messages"], message, result)}))
        assert (again.text, again.reasoning, again.tool_calls) == ("It is 4.", "so", ())
        assert again.finish_reason == "stop"
        assert assistant_message(again)["content"] == "<think>so</think>It is 4."  # as it was written
        broken = await model.answer(Request(**asked, trial=1))
        assert [call.arguments for call in broken.tool_calls] == [None]
        untold = await model.answer(Request(model="m", messages=asked["messages"]))
        assert (untold.text, untold.tool_calls) == ("plain", ())
    finally:
        await asyncio.wait_for(model.close(), 20)
