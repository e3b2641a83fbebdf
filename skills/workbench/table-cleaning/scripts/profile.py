"""What is in a table, and what in it will bite: run it before you clean anything.

    python3 profile.py FILE… [--by COLUMN] [--delimiter X] [--encoding NAME]

With --by, dates and numbers are looked at for each value of that column apart (exports of several sources in one file).
"""

import argparse
import collections
import csv
import os
import sys

import tables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--by")
    parser.add_argument("--delimiter")
    parser.add_argument("--encoding")
    args = parser.parse_args()
    for path in args.files:
        profile(path, args)


def profile(path, args):
    header, rows, how = tables.read(path, args.delimiter, args.encoding)
    print(f"{path}: {how['encoding']}, delimiter {how['delimiter']!r}, {len(rows)} rows, {len(header)} columns")
    for line, cells in rows:
        if len(cells) != len(header):
            print(f"  line {line}: {len(cells)} fields, the header has {len(header)}")
    doubled = [
        row for row, n in collections.Counter(tuple(map(tables.tidy, cells)) for _, cells in rows).items() if n > 1
    ]
    if doubled:
        print(f"  {len(doubled)} rows stand there more than once, such as {' | '.join(doubled[0])}")
    for place, name in enumerate(header):
        values = [cells[place] for _, cells in rows if place < len(cells)]
        print(f"  {name}: {'; '.join(told(values))}")
        if args.by in header and args.by != name:
            groups = collections.defaultdict(list)
            for _, cells in rows:
                if max(place, header.index(args.by)) < len(cells):
                    groups[tables.tidy(cells[header.index(args.by)])].append(cells[place])
            for key, part in sorted(groups.items()):
                if said := [one for one in told(part) if one.startswith(("dates", "numbers"))]:
                    print(f"    where {args.by} is {key}: {'; '.join(said)}")


def told(values):
    filled = [value for value in values if not tables.is_blank(value)]
    blanks = collections.Counter(value for value in values if tables.is_blank(value))
    yield f"{len(filled)} filled"
    if blanks:
        yield "blank as " + ", ".join(f"{value!r} x{n}" for value, n in blanks.most_common())
    if not filled:
        return
    if strange := sum(value != tables.tidy(value) for value in filled):
        yield f"{strange} with stray spaces or invisible signs"
    tidied = [tables.tidy(value) for value in filled]
    dates = [value for value in tidied if reads(tables.date, value, "dmy", "mdy")]
    numbers = [value for value in tidied if reads(tables.number, value, ".", ",")]
    if len(dates) > len(tidied) * 0.6:
        yield f"dates, order {tables.date_order(dates)}" + others(tidied, dates)
        if serial := [value for value in dates if value.replace(".0", "").isdigit()]:
            yield f"{len(serial)} are serial days of a spreadsheet, such as {serial[0]}"
    elif len(numbers) > len(tidied) * 0.6:
        sign = tables.decimal_sign(numbers)
        yield f"numbers, decimal sign {sign or 'not seen'}" + others(tidied, numbers)
        if any(len(value) > 1 and value[0] == "0" and value.isdigit() for value in tidied):
            yield "leading zeros: an identifier, keep it as text"
        if odd := [value for value in numbers if value[0] == "(" or value[-1] == "-"]:
            yield f"{len(odd)} negative in another way, such as {odd[0]}"
    folded = collections.defaultdict(set)
    for value in filled:
        folded[tables.tidy(value).casefold()].add(value)
    variants = [sorted(group) for group in folded.values() if len(group) > 1]
    yield f"{len(folded)} different" + (
        f" ({len(variants)} of them spelt in several ways: {variants[0]})" if variants else ""
    )
    if len(folded) < len(filled) <= len(folded) * 1.3:
        yield f"{len(filled) - len(folded)} repeated: is it meant to be a key?"


def reads(reader, value, *ways):
    for way in ways:
        try:
            reader(value, way)
        except (ValueError, KeyError):
            continue
        return True
    return False


def others(values, good):
    left = [value for value in values if value not in set(good)]
    return f", but {len(left)} are not, such as {left[0]!r}" if left else ""


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f"cannot be read: {error}")
