"""A request's digest is the SHA-256 of its plain JSON, however it is computed."""

import dataclasses
import hashlib
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from harness.core import Request, Tool

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.text(), VALUES, max_size=4)


def by_hand(request: Request) -> str:
    late = ("task", "draw", "letters")  # of later versions: an earlier request's digest stays what it was
    left_out = {"adapter", "contender"} | {name for name in late if not getattr(request, name)}
    plain = {name: value for name, value in dataclasses.asdict(request).items() if name not in left_out}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@given(MAPPINGS, MAPPINGS, MAPPINGS, st.none() | st.text(), st.text(), st.text())
def test_it_is_the_sum_of_the_plain_json(message, sampling, parameters, adapter, scope, task):
    tool = Tool(name="look", description="up", parameters=parameters)
    request = Request(
        model="m",
        messages=(message,),
        sampling=sampling,
        tools=(tool,),
        adapter=adapter,
        adapter_digest="a",
        scope=scope,
        task=task,
    )
    assert request.digest == by_hand(request)


def test_what_json_has_no_number_for_is_null():
    odd, null = (Request(model="m", messages=(), sampling={"temperature": value}) for value in (math.nan, None))
    assert odd.digest == null.digest == by_hand(null)


def test_lone_surrogates_are_told_apart():
    digests = {Request(model="m", messages=({"content": text},)).digest for text in ("\ud800", "\ud801", "?")}
    assert len(digests) == 3


def test_the_digest_of_earlier_versions_held_the_contenders_name_and_no_task():
    request = Request(model="m", messages=(), scope="identity", task="t", contender="base")
    assert request.earlier_digest == by_hand(Request(model="m", messages=(), scope="base"))
