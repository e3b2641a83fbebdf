"""A server's faults with adapters, each by a scripted server that has it: found by the probes, or told as a doubt."""

import asyncio
import random
from pathlib import Path

import pytest

from harness.core import Cause, ModelError, ModelSpec, Reply, UsageError
from harness.model.served import probe
from harness.model.served_list import Listed

ADAPTERS = Path(__file__).parents[2] / "adapters"
BASE = ADAPTERS / "base" / "worker"
A, B = ADAPTERS / "ticket-routing", ADAPTERS / "claim-check"
PROMPTS = [({"role": "user", "content": f"question {n}"},) for n in range(2)]
SHIFT = {"m": 0.0, A.name: 0.5, B.name: 0.9}
SAID = {
    "answers as the other": {B.name: A.name},
    "answers as the base": {A.name: "m"},
    "base is tuned": {"m": A.name},
    "other spelling": {A.name: f"./{A.name}"},
}


class Server:
    """Answers the base ``m`` and two adapters; requests that wait together are one batch."""

    def __init__(self, fault: str = "", *, logprobs: bool = True, noise: float = 0.0, seed: int | None = None) -> None:
        self.fault, self.logprobs, self.noise = fault, logprobs, noise
        self.sampled = seed is not None
        self.random = random.Random(seed or 0)
        self.calls = 0
        self._batch: list[tuple[str, asyncio.Future[Reply]]] = []

    async def ask(self, request) -> Reply:
        self.calls += 1
        name = Path(request.adapter).name if request.adapter else "m"
        future = asyncio.get_running_loop().create_future()
        if not self._batch:
            asyncio.get_running_loop().call_later(0.002, self._step)
        self._batch.append((name, request.messages[0]["content"], future))
        return await future

    def _step(self) -> None:
        batch, self._batch = self._batch, []
        names = [name for name, _, _ in batch]
        mixed = len(set(names)) > 1
        for place, (name, prompt, future) in enumerate(batch):
            applied = self._applied(name, place, names, mixed=mixed)
            if applied is None:
                future.set_exception(ModelError(Cause.PROVIDER, "HTTP 500: the engine is dead"))
            else:
                future.set_result(self._reply(name, applied, prompt))

    def _applied(self, name: str, place: int, names: list[str], *, mixed: bool) -> str | None:
        """What a row is answered with."""
        adapted = name != "m"
        match self.fault:
            case "ignores the name":
                return "m"
            case "one for both":
                return A.name if adapted else "m"
            case "last slot" if mixed and not adapted:
                return B.name
            case "swapped in a batch" if mixed and adapted:
                return A.name if name == B.name else B.name
            case "first row only" if mixed and place:
                return "m"
            case "first row for all":
                return names[0]
            case "dies in a batch" if mixed and place == len(names) - 1:
                return None
        return name

    def _reply(self, name: str, applied: str, prompt: str) -> Reply:
        sure = -0.3 - 0.1 * int(prompt[-1]) - SHIFT[applied] + self.random.uniform(-self.noise, self.noise)
        text = f"answer {applied}"
        if self.sampled:
            text = self.random.choice(["yes", "no"])
            sure -= 0.4 * (text == "no")
        said = SAID.get(self.fault, {})
        signals = {"logprob_mean": sure, "logprob_min": sure} if self.logprobs else {}
        return Reply(
            text="same" if self.logprobs and not self.sampled else text,
            signals=signals,
            model_version=said.get(name, name),
            latency_s=0.0,
        )


def look(server: Server, listed=None, *, adapters=(A, B), model: str = "m", url: str = "http://127.0.0.1:1/v1"):
    spec = ModelSpec(name="s", backend="openai", model=model, base_url=url)
    return asyncio.run(probe(spec, adapters, PROMPTS, server.ask, listed or {}))


@pytest.mark.parametrize("logprobs", [True, False])
def test_an_honest_server_passes_with_few_requests(logprobs):
    server = Server(logprobs=logprobs)
    assert look(server) == ()
    assert server.calls == 2 + 1 + 2 * 2 + 3 * 2, "each alone, the base once more, and all in one batch"


@pytest.mark.parametrize("logprobs", [True, False])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("last slot", "the server answers for the base as the adapter claim-check does alone"),
        ("swapped in a batch", "answers for the adapter ticket-routing as the adapter claim-check does alone"),
        ("first row only", "answers for the adapter ticket-routing as the base does alone"),
        ("first row for all", "answers for the adapter ticket-routing as the base does alone"),
        ("dies in a batch", "gives no answer for the adapter claim-check (HTTP 500: the engine is dead)"),
        ("answers as the other", "asked for the adapter claim-check, the server answers as 'ticket-routing', which is"),
        ("answers as the base", "asked for the adapter ticket-routing, the server answers as 'm', which is the base"),
        ("base is tuned", "asked for 'm', the server answers as the adapter ticket-routing"),
    ],
)
def test_a_fault_is_found_and_told_in_one_line(fault, said, logprobs):
    with pytest.raises(UsageError) as found:
        look(Server(fault, logprobs=logprobs))
    assert said in str(found.value)
    assert str(found.value).startswith("model 's': ")
    assert ";" in str(found.value), "what to do"
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("ignores the name", r"2 probe prompts with the adapter [\w-]+ as without it"),
        ("one for both", "with the adapter claim-check exactly as with the adapter ticket-routing"),
    ],
)
def test_log_probabilities_tell_what_is_left_out_or_mixed_up(fault, said):
    with pytest.raises(UsageError, match=said):
        look(Server(fault))


def test_with_noise_a_server_that_ignores_the_name_is_refused_or_doubted_and_never_passes():
    refused = 0
    for seed in range(40):
        server = Server("ignores the name", noise=0.003)
        server.random.seed(seed)
        try:
            assert "it may not be applied" in look(server)[0]
        except UsageError:
            refused += 1
    assert refused >= 36


@pytest.mark.parametrize("noise", [0.003, 0.05])
def test_a_server_whose_arithmetic_is_noisy_passes(noise):
    for seed in range(20):
        server = Server(noise=noise)
        server.random.seed(seed)
        assert [note for note in look(server) if "mixed batch" not in note] == []
    with pytest.raises(UsageError, match="answers for the base as the adapter claim-check"):
        look(Server("last slot", noise=0.005))


@pytest.mark.parametrize("logprobs", [True, False])
def test_a_server_that_samples_whatever_it_is_told_is_a_doubt_and_not_a_fault(logprobs):
    refused = doubted = 0
    for seed in range(1, 61):
        try:
            doubted += bool(look(Server(seed=seed, logprobs=logprobs)))
        except UsageError:
            refused += 1
    assert refused <= 2
    assert doubted >= 50


def test_where_texts_are_all_that_tells_equal_ones_are_a_doubt():
    notes = look(Server("ignores the name", logprobs=False))
    assert notes[0].endswith("with it as without it: it cannot be seen whether it is applied")
    notes = look(Server("other spelling"))
    assert notes == ("model s: asked for the adapter ticket-routing, the server answers as './ticket-routing'",)


def test_the_parent_that_the_server_lists_is_the_base():
    honest = {"m": Listed(root="/models/m"), A.name: Listed(parent="m"), B.name: Listed(parent="m")}
    assert look(Server(), honest) == ()
    alias = {"n": Listed(root="/models/m")} | honest | {B.name: Listed(parent="n")}
    assert look(Server(), alias) == ()
    wrong = honest | {"n": Listed(root="/models/n"), B.name: Listed(parent="n")}
    server = Server()
    with pytest.raises(UsageError, match="lists the adapter claim-check as one of 'n', and not of 'm'; write 'n' as"):
        look(server, wrong)
    assert server.calls == 0, "nothing is asked"


def test_on_this_machine_the_folders_that_a_server_names_are_held_against_each_other(tmp_path):
    listed = {"m": Listed(root=str(BASE))} | {one.name: Listed(parent="m", root=str(one)) for one in (A, B)}
    assert look(Server(), listed) == ()
    with pytest.raises(UsageError, match=r"claim-check the server serves .*ticket-routing, whose weights are not"):
        look(Server(), listed | {B.name: Listed(parent="m", root=str(A))})
    other = tmp_path / "other"
    other.mkdir()
    for file in BASE.iterdir():
        if file.is_file():
            (other / file.name).write_bytes(file.read_bytes())
    with (other / "model.safetensors").open("r+b") as weights:  # a number in it is another
        weights.seek(-1, 2)
        weights.write(b"\x11")
    wrong = listed | {"m": Listed(root=str(other))}
    with pytest.raises(UsageError, match=r"does not fit the base that the server serves \(the adapter was trained on"):
        look(Server(), wrong)
    assert look(Server(), wrong, url="http://192.0.2.1/v1") == (), "its folders are not ours"


def test_public_names_of_two_bases_are_a_doubt(tmp_path):
    own = tmp_path / B.name
    own.mkdir()
    for file in B.iterdir():
        if file.name in {"adapter_config.json", "adapter_model.safetensors"}:
            (own / file.name).write_bytes(file.read_bytes())
    (own / "card.yaml").write_text("base_model: maker/Small-7B\n")
    for root, doubts in {"mirror/small-7b": 0, "maker/large-70B": 1, "/models/large": 0}.items():
        notes = look(Server(), {"m": Listed(root=root), B.name: Listed(parent="m")}, adapters=[own])
        assert len(notes) == doubts, notes
    assert look(Server(), {"m": Listed(root="maker/large"), B.name: Listed(parent="m")}, adapters=[own]) == (
        "model s: the adapter claim-check was trained on maker/Small-7B, and the server's base is maker/large",
    )
