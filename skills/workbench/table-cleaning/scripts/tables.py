"""Reads tables as they come: any encoding, any delimiter, numbers and dates as people type them. No third-party code."""

import csv
import datetime
import io
import re
import unicodedata

BLANK = {"", "-", "--", "n/a", "na", "nan", "none", "null", "nil", "unknown", "?", "#n/a", "err", "-999", "-9999"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ORDERS = {"dmy": (2, 1, 0), "mdy": (2, 0, 1), "ymd": (0, 1, 2)}  # where year, month and day stand
NUMBER = re.compile(r"[0-9][0-9.,' ]*")
DATE = re.compile(r"(\d{1,4}|[A-Za-z]{3,9})[-/. ]+(\d{1,2}|[A-Za-z]{3,9}),?[-/. ]+(\d{1,4})")


def decode(raw):
    """The text, and the name of the encoding."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return raw.decode(name), name
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), "cp1252"


def delimiter_of(text):
    """The sign that splits most lines into the same number of fields, more than one."""
    best, found = (0, 0), ","
    for sign in ",;\t|":
        widths = [len(row) for row in csv.reader(io.StringIO(text[:50_000], newline=""), delimiter=sign) if row]
        common = max(set(widths), key=widths.count) if widths else 1
        score = (widths.count(common) / len(widths), common) if common > 1 else (0, 0)
        if score > best:
            best, found = score, sign
    return found


def read(path, delimiter=None, encoding=None):
    """Header, rows as (line, cells), and what was found out: encoding, delimiter."""
    with open(path, "rb") as file:
        raw = file.read()
    text, name = (raw.decode(encoding), encoding) if encoding else decode(raw)
    sign = delimiter or delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    header, rows = [], []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if header:
            rows.append((reader.line_num, cells))
        else:
            header = [tidy(cell) for cell in cells]
    return header, rows, {"encoding": name, "delimiter": sign}


def tidy(text):
    """Without invisible signs, with single plain spaces, in one Unicode form. Case stays."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(text.split())  # split() knows the no-break spaces too


def is_blank(text):
    return tidy(text).lower() in BLANK


def decimal_sign(values):
    """'.' or ',' where the values prove it, '' where nothing does, 'mixed' where they disagree."""
    proofs = set()
    for value in map(tidy, values):
        if not (match := NUMBER.search(value)):
            continue
        digits = match[0].strip()
        points, commas = digits.count("."), digits.count(",")
        if points and commas:
            proofs.add(max(".,", key=digits.rfind))
        elif points + commas == 1:
            sign = "." if points else ","
            before, after = digits.split(sign)
            if len(after) != 3 or len(before) > 3 or before == "0":
                proofs.add(sign)
        elif points > 1:
            proofs.add(",")
        elif commas > 1:
            proofs.add(".")
    return "mixed" if len(proofs) > 1 else next(iter(proofs), "")


def number(text, sign="."):
    """The number as text with a point, such as '-1234.50'. Raises ValueError."""
    value = tidy(text)
    negative = (
        (value.startswith("(") and value.endswith(")"))
        or value.endswith("-")
        or bool(re.match(r"\D*[-\u2212]\s*\D*\d", value))
    )
    match = NUMBER.search(value)
    rest = re.sub(r"[A-Z]{3}|[-\u2212+()$\u20ac\u00a3\s]", "", value.replace(match[0], "", 1) if match else value)
    if not match or rest:
        raise ValueError(f"{text!r} is no number")
    digits = re.sub(r"[' ]", "", match[0])
    digits = digits.replace("," if sign == "." else ".", "").replace(sign, ".")
    if digits.count(".") > 1:
        raise ValueError(f"{text!r} has more than one decimal sign")
    return ("-" if negative else "") + digits


def date_order(values):
    """dmy, mdy or ymd where a value proves it; 'ambiguous' where none does; 'mixed' where they disagree."""
    proofs, seen = set(), False
    for value in map(tidy, values):
        if not (match := DATE.match(value)):
            continue
        a, b, _ = match.groups()
        if len(a) == 4 or not (a + b).isdigit():
            proofs.add("ymd" if len(a) == 4 else "named")
            continue
        seen = True
        if int(a) > 12:
            proofs.add("dmy")
        if int(b) > 12:
            proofs.add("mdy")
    numeric = proofs - {"ymd", "named"}
    if len(numeric) > 1:
        return "mixed"
    if numeric:
        return next(iter(numeric))
    return "ambiguous" if seen else "ymd" if "ymd" in proofs else "named" if proofs else ""


def date(text, order="ymd"):
    """The date as YYYY-MM-DD; serial days of spreadsheets too. Raises ValueError."""
    value = tidy(text)
    if re.fullmatch(r"[2-6]\d{4}(\.0)?", value):
        return (datetime.date(1899, 12, 30) + datetime.timedelta(int(float(value)))).isoformat()
    if not (match := DATE.match(value)):
        raise ValueError(f"{text!r} is no date")
    parts = list(match.groups())
    if len(parts[0]) == 4:
        order = "ymd"
    named = [place for place, part in enumerate(parts) if not part.isdigit()]
    if named:
        month = parts.pop(named[0])
        if month[:3].lower() not in MONTHS:
            raise ValueError(f"{text!r} is no date")
        number_of = MONTHS.index(month[:3].lower()) + 1
        year, day = (
            sorted(map(int, parts), key=lambda n: n < 32)
            if max(map(int, parts)) > 31
            else (int(parts[1]), int(parts[0]))
        )
    else:
        y, m, d = ORDERS[order]
        year, number_of, day = int(parts[y]), int(parts[m]), int(parts[d])
    if year < 100:
        year += 2000 if year < 70 else 1900
    return datetime.date(year, number_of, day).isoformat()
