"""What a local model is shown: its own template, roles that it lacks, and texts that must not be lost."""

import shutil
from pathlib import Path

import pytest

from harness.core import Cause, ModelError, ModelSpec, UserFileError
from harness.model.local import LocalModel
from harness.model.local_folder import Prompts

pytestmark = pytest.mark.local

WORKER = Path(__file__).parents[2] / "adapters" / "base" / "worker"
TALK = (
    {"role": "system", "content": "Rules."},
    {"role": "user", "content": "Ask."},
    {"role": "assistant", "content": "OPEN a"},
    {"role": "tool", "content": "Body."},
)
STRICT = (  # as templates are written that know two roles only, and want them in turn
    "{% for m in messages %}{% if m['role'] not in ('user', 'assistant') %}{{ raise_exception('no') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}"
    "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[assistant]"
)
SILENT = "{% for m in messages %}{% if m['role'] == 'user' %}[user]{{ m['content'] }}{% endif %}{% endfor %}"


@pytest.fixture
def with_template(tmp_path: Path) -> "object":
    def make(template: str | None) -> LocalModel:
        folder = tmp_path / "model"
        shutil.copytree(WORKER, folder)
        (folder / "chat_template.jinja").unlink()
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        return LocalModel(ModelSpec(name="w", backend="transformers", model=str(folder)))

    return make


def test_the_model_s_own_template_is_used() -> None:
    model = LocalModel(ModelSpec(name="w", backend="transformers", model=str(WORKER)))
    assert Prompts(model.folder).render(TALK) == (
        "<|bos|><|system|>Rules.<|end|><|user|>Ask.<|end|><|assistant|>OPEN a<|end|><|tool|>Body.<|end|><|assistant|>"
    )
    assert Prompts(model.folder).knows("tool")


def test_roles_that_a_template_lacks_become_the_user_s(with_template) -> None:  # type: ignore[no-untyped-def]
    model = with_template(STRICT)
    assert Prompts(model.folder).render(TALK) == "[user]Rules.\n\nAsk.[assistant]OPEN a[user]Body.[assistant]"
    assert not Prompts(model.folder).knows("tool")


def test_roles_that_a_template_passes_over_in_silence_become_the_user_s(with_template) -> None:  # type: ignore[no-untyped-def]
    assert Prompts(with_template(SILENT).folder).render(TALK) == "[user]Rules.\n\nAsk.[user]Body."


def test_a_text_that_would_be_dropped_is_an_error(with_template) -> None:  # type: ignore[no-untyped-def]
    model = with_template("{{ messages[-1]['content'] }}")
    with pytest.raises(ModelError, match=r"drops the text of message 1 \(role user\)") as caught:
        Prompts(model.folder).render(({"role": "user", "content": "First."}, {"role": "user", "content": "Second."}))
    assert caught.value.cause is Cause.REQUEST


def test_refused_turns_are_an_error(with_template) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match="refuses the roles user, user: turns"):
        Prompts(with_template(STRICT).folder).render(
            ({"role": "user", "content": "a"}, {"role": "user", "content": "b"})
        )


def test_a_model_without_template_is_an_error(with_template) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserFileError, match="no chat template"):
        Prompts(with_template(None).folder).render(TALK)


def test_parts_of_text_are_joined_and_tool_calls_refused() -> None:
    model = LocalModel(ModelSpec(name="w", backend="transformers", model=str(WORKER)))
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert "<|user|>a\nb<|end|>" in Prompts(model.folder).render(({"role": "user", "content": parts},))
    call = {"id": "1", "function": {"name": "look", "arguments": "{}"}}
    with pytest.raises(ModelError, match="drops the tool look"):
        Prompts(model.folder).render(({"role": "assistant", "content": "", "tool_calls": [call]},))
