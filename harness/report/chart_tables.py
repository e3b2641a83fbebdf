"""What a chart shows, as a table: for those who do not see it, or would rather read. Its rows are the chart's own."""

from collections.abc import Iterator

from harness.core import UNKNOWN, plural
from harness.report.blocks import Table, table
from harness.report.vega import Figure, Row, Spec

MOST = 60  # rows; of a curve of hundreds of points as many, evenly spaced


def chart_table(figure: Figure) -> Table:
    """The figures that the marks of a chart tell on hover, a row a mark and each once; empty where none tells any."""
    layers = [one for one in _layers(figure.chart) if one[0]]
    titles = layers[0][0] if layers else {}
    found: dict[tuple[str, ...], None] = {}
    for fields, rows in layers:
        if fields == titles:  # marks that say something else are a background of these
            found.update((tuple(_text(row.get(name)) for name in fields), None) for row in rows)
    every = list(found)
    step = max(1.0, (len(every) - 1) / (MOST - 1))
    kept = every if len(every) <= MOST else [every[round(step * place)] for place in range(MOST)]
    notes = [f"{len(kept)} of {plural(len(every), 'point')}, evenly spaced."] if len(kept) < len(every) else []
    return table(figure.title, titles.values(), kept, kind="told", left=len(titles), notes=notes)


def _layers(chart: Spec, rows: list[Row] | None = None) -> Iterator[tuple[dict[str, str], list[Row]]]:
    """Of each layer what its marks say, title by field, and the rows that it is drawn of."""
    rows = chart.get("data", {}).get("values", rows or [])
    said = chart.get("encoding", {}).get("tooltip", [])
    if "mark" in chart:
        yield {one["field"]: one["title"] for one in said}, rows
    for below in chart.get("layer", ()):
        yield from _layers(below, rows)


def _text(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
