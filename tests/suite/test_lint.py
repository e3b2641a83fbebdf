import random
import time
from itertools import combinations

import pytest
from linted import CLEAN, lint, rules, sentence, task
from written_suites import task as written
from written_suites import write_suite

from harness.suite import lint_suite, load_suite
from harness.suite.lint import near_duplicates


def test_a_clean_suite_has_no_findings():
    assert lint(*CLEAN) == []


def test_the_same_question_twice():
    again = task(99, sentence(3).upper() + "  ", reference="r3")
    assert rules(lint(*CLEAN, again)) == {"duplicate": ("error", ("t3", "t99"))}
    one_cluster = task(99, sentence(3), reference="r3", cluster="t3")
    assert lint(*CLEAN, one_cluster) == []


def test_the_same_question_with_another_reference():
    assert rules(lint(*CLEAN, task(99, sentence(3))))["contradiction"] == ("error", ("t3", "t99"))


def test_the_same_question_in_dev_and_test_even_in_one_cluster():
    pair = [task(50, sentence(50), split="dev"), task(51, sentence(50), split="test", cluster="t50", reference="r50")]
    found = rules(lint(*CLEAN, *pair))
    assert found["split-overlap"] == ("error", ("t50", "t51"))
    assert found["cluster-spans-splits"] == ("warning", ("t50", "t51"))


def test_nearly_the_same_question():
    near = sentence(3) + " indeed"  # 38 of 39 shingles in common
    assert rules(lint(*CLEAN, task(99, near))) == {"near-duplicate": ("warning", ("t3", "t99"))}
    whole = [task(i, split="test") for i in range(30)]
    split = [task(50, split="dev"), task(51, sentence(50) + " indeed", split="test")]
    assert rules(lint(*whole, *split)) == {"near-split-overlap": ("warning", ("t50", "t51"))}


def test_the_template_does_not_make_tasks_alike():
    template = sentence(1000, 300)
    assert lint(*[task(i, f"{template} {sentence(i, 12)} {template}") for i in range(30)]) == []


def test_empty_references():
    assert rules(lint(*CLEAN, task(97, reference=" "), task(98, reference=[]), task(99, reference=None))) == {
        "empty-reference": ("warning", ("t97", "t98", "t99"))
    }
    assert lint(*[task(i, reference=None) for i in range(30)]) == []  # graders that need none
    assert lint(*CLEAN, task(99, reference=0), task(98, reference=False)) == []


@pytest.mark.parametrize(("yes", "no", "found"), [(20, 20, False), (36, 4, True), (32, 8, False), (33, 7, True)])
def test_label_imbalance(yes, no, found):
    tasks = [task(i, reference="yes" if i < yes else "no") for i in range(yes + no)]
    assert ("label-imbalance" in rules(lint(*tasks, metric="macro_f1"))) is found
    assert lint(*tasks) == []  # not a label suite


def test_tests_and_oracles_that_contenders_get_are_pointed_out():
    shown = task(30, files={"a": "/s/a", "check.py": "/s/check.py"}, tests={"check.py": "/s/check.py"})
    solved = task(31, files={"a": "/s/a"}, oracle={"b": "/s/a"})
    hidden = task(32, files={"a": "/s/a"}, tests={"a": "/s/tests/a"})
    assert rules(lint(*CLEAN, shown, solved, hidden))["tests-shown"] == ("warning", ("t30", "t31"))


def test_thin_and_empty_domains():
    found = lint(*CLEAN, task(90, domain="e"), domains=("d", "e", "f"))
    assert [(f.rule, f.tasks) for f in found] == [("few-tasks", ("t90",)), ("empty-domain", ())]


def jaccard(a: str, b: str) -> float:
    """Of three-word shingles, by the definition."""
    one, other = ({tuple(w[i : i + 3]) for i in range(len(w) - 2)} for w in (a.split(), b.split()))
    return len(one & other) / len(one | other)


def test_short_inputs_are_not_alike_for_the_template_around_them(tmp_path):
    template = "Here is a case of ours:\n{{ input }}\n\nAnswer with the number itself and nothing else, please.\n"
    tasks = [written(n, input=said) for n, said in enumerate(["foo", "baz", "baz!", "one two three four"])]
    found = lint_suite(load_suite(write_suite(tmp_path, tasks, template)))
    assert [f.tasks for f in found if f.rule == "near-duplicate"] == [("t1", "t2")]


def test_near_duplicates_are_those_of_an_exhaustive_comparison():
    chance = random.Random(5)
    texts = []
    for i in range(60):
        words = sentence(i).split()
        texts.append(" ".join(words))
        for _ in range(chance.randrange(6)):
            words[chance.randrange(40)] = "changed"
        texts.append(" ".join(words))
    exact = {pair for pair in combinations(range(120), 2) if jaccard(texts[pair[0]], texts[pair[1]]) >= 0.8}
    assert 10 < len(exact) < 60
    assert set(near_duplicates(texts)) == exact


def test_texts_without_words_or_with_few():
    assert near_duplicates([]) == []
    assert near_duplicates(["", "?!", ""]) == []
    assert near_duplicates(["two words", "Two, words!", "other words"]) == [(0, 1)]
    assert near_duplicates(["same text here now"] * 4) == [(0, 1, 2, 3)]


def test_ten_thousand_tasks_are_linted_in_time():
    tasks = [task(i) for i in range(9_990)] + [task(10_000 + i, sentence(i) + " x") for i in range(10)]
    start = time.process_time()
    found = lint(*tasks)
    assert time.process_time() - start < 8
    assert [f.tasks for f in found] == [(f"t{i}", f"t{10_000 + i}") for i in range(10)]
