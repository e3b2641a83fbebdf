"""Calls a function with an example and with what lies at its edges, and tells what is odd.

    python3 edges.py FILE.py FUNCTION '[argument, …]' [--kwargs '{"name": value}']

Run it from the folder that programs import from. The arguments are JSON. Each in turn takes the values at the edges of its
kind: "" and spaces, accents and quotes, 0, a negative and a large number, an empty list, one element, reversed, doubled.
Flagged: CHANGES ITS ARGUMENT, DIFFERS WHEN CALLED AGAIN (state kept between calls), RAISES, NOT DONE.
"""

import argparse
import copy
import importlib
import json
import os
import signal
import sys

SECONDS = 3


def variants(value):
    yield value
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (0, 1, -value or -1, value + 1, value * 1000 + 7)
    elif isinstance(value, float):
        yield from (0.0, -value, value + 0.005, 1e15, 0.1 + 0.2)
    elif isinstance(value, str):
        yield from (
            "",
            " ",
            f" {value} ",
            value.upper(),
            value * 2,
            f'{value},"{value}"',
            "\u00c5ngstr\u00f6m \u00df \u4e2d",
            f"{value}\n",
            value[:1],
        )
    elif isinstance(value, list):
        yield from ([], value[:1], value[::-1], value + value, sorted(value, key=str))
        for inner in list(variants(value[0]))[1:4] if value else ():
            yield [inner, *value[1:]]
    elif isinstance(value, dict):
        yield {}
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield {**value, key: None}


def called(function, args, kwargs):
    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        result = function(*args, **kwargs)
        return repr(list(result) if hasattr(result, "__next__") else result)
    except TimeoutError:
        return f"NOT DONE after {SECONDS} s"
    except Exception as error:
        return f"RAISES {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("function")
    parser.add_argument("arguments", type=json.loads)
    parser.add_argument("--kwargs", type=json.loads, default={})
    args = parser.parse_args()
    sys.path[:0] = [os.getcwd(), os.path.dirname(os.path.abspath(args.file))]
    name = os.path.splitext(os.path.relpath(args.file))[0].replace(os.sep, ".")
    function = importlib.import_module(name)
    for part in args.function.split("."):
        function = getattr(function, part)
    seen = set()
    for place in range(len(args.arguments)):
        for variant in variants(args.arguments[place]):
            given = [*args.arguments[:place], variant, *args.arguments[place + 1 :]]
            if (key := json.dumps(given)) in seen:
                continue
            seen.add(key)
            used, kwargs = copy.deepcopy(given), copy.deepcopy(args.kwargs)
            told = called(function, used, kwargs)
            flags = ["CHANGES ITS ARGUMENT"] if used != given or kwargs != args.kwargs else []
            again = called(function, copy.deepcopy(given), copy.deepcopy(args.kwargs))
            flags += ["DIFFERS WHEN CALLED AGAIN"] if again != told else []
            print(f"{args.function}{key.replace('[', '(', 1)[:-1]}) -> {told[:160]}", *flags, sep="   ")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
    except (ImportError, AttributeError, SyntaxError) as error:
        sys.exit(f"there is no such function: {error}")
