"""Brings tables into one clean UTF-8 CSV; each file's encoding, delimiter, decimal sign and date order are found apart.

    python3 convert.py OUT.csv FILE… [--rename OLD=NEW]… [--number COLUMN[:, or :.]]… [--date COLUMN[:dmy|mdy|ymd]]…
        [--keep A,B,C] [--key A,B [--last]] [--sort A,B] [--by COLUMN]

Every cell loses stray spaces and invisible signs; marks such as n/a, - and NULL become empty. Names of columns are those
after --rename. --by: decimal sign and date order are found for each value of that column. --key: of rows with the same
key the first stays, with --last the last. What cannot be read without guessing is told with its line, and nothing is
written: give the order or the sign yourself then.
"""

import argparse
import csv
import os
import sys

import tables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("files", nargs="+")
    for name in ("--rename", "--number", "--date"):
        parser.add_argument(name, action="append", default=[])
    for name in ("--keep", "--key", "--sort", "--by"):
        parser.add_argument(name)
    parser.add_argument("--last", action="store_true")
    args = parser.parse_args()
    problems, rows, columns = [], [], []
    for path in args.files:
        found, read = one_file(path, args, problems)
        columns += [name for name in found if name not in columns]
        rows += read
    if problems:
        print(*problems[:20], sep="\n", file=sys.stderr)
        sys.exit(f"nothing written: {len(problems)} cells cannot be read without guessing")
    if args.key:
        kept = {}
        for row in rows:
            key = tuple(row.get(name, "") for name in args.key.split(","))
            if args.last or key not in kept:
                kept.pop(key, None)
                kept[key] = row
        print(f"{len(rows) - len(kept)} rows with a key that was there already left out", file=sys.stderr)
        rows = list(kept.values())
    if args.sort:
        rows.sort(key=lambda row: [row.get(name, "") for name in args.sort.split(",")])
    kept_columns = args.keep.split(",") if args.keep else columns
    with open(args.out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, kept_columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{args.out}: {len(rows)} rows", file=sys.stderr)


def one_file(path, args, problems):
    header, rows, how = tables.read(path)
    names = dict(pair.split("=", 1) for pair in args.rename)
    header = [names.get(name, name) for name in header]
    cells_of = []
    for line, cells in rows:
        if len(cells) != len(header):
            problems.append(f"{path} line {line}: {len(cells)} fields, the header has {len(header)}")
            continue
        tidied = ["" if tables.is_blank(cell) else tables.tidy(cell) for cell in cells]
        cells_of.append((line, dict(zip(header, tidied))))
    told = []
    groups = {}
    for line, row in cells_of:
        groups.setdefault(row.get(args.by, "") if args.by else "", []).append((line, row))
    for key, part in groups.items():
        for wanted, guess, read, unsure in (
            (args.number, tables.decimal_sign, tables.number, {"mixed"}),
            (args.date, tables.date_order, tables.date, {"mixed", "ambiguous"}),
        ):
            for one in wanted:
                name, _, way = one.partition(":")
                if name not in header:
                    continue
                way = way or guess([row[name] for _, row in part])
                told.append(f"{name}{f' where {args.by} is {key}' if args.by else ''}: {way or 'plain'}")
                for line, row in part:
                    if not row[name]:
                        continue
                    try:
                        if way in unsure and tables.DATE.match(row[name]) is not None or way == "mixed":
                            raise ValueError(
                                f"{row[name]!r}: its {'order' if wanted is args.date else 'decimal sign'} is {way}"
                            )
                        row[name] = read(
                            row[name], {"": ".", "named": "dmy"}.get(way, way) if wanted is args.date else way or "."
                        )
                    except (ValueError, KeyError) as error:
                        problems.append(f"{path} line {line}, {name}: {error}")
    print(f"{path}: {how['encoding']}, delimiter {how['delimiter']!r}; {'; '.join(told)}", file=sys.stderr)
    return header, [row for _, row in cells_of]


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f"cannot be converted: {error}")
