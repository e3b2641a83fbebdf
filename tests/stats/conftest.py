"""Real per-task outcomes for the tests marked shared; they skip where the folder beside the checkout is absent."""

from pathlib import Path

import pytest
from hypothesis import settings

# The first call of a scipy function imports it, which is slower than a single example may be.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared_table():
    """A function from the name of a data file to its table as a dict of columns."""
    import pyarrow.parquet as pq

    here = Path(__file__).resolve()
    folder = next((p / "shared" / "data" for p in here.parents if (p / "shared" / "data").is_dir()), None)
    if folder is None:
        pytest.skip("the shared data folder is not beside this checkout")

    def read(name, columns):
        return pq.read_table(folder / f"{name}.parquet", columns=columns).to_pydict()

    return read


@pytest.fixture(scope="session")
def router(shared_table):
    """routerbench-mini: {system: {column: list by task}}, tasks in one order for all systems."""
    columns = ["system", "task_id", "domain", "passed", "cost_cny", "latency_s", "routing_score"]
    table = shared_table("routerbench_mini", columns)
    rows = sorted(zip(*(table[c] for c in columns), strict=True), key=lambda row: (row[0], row[1]))
    systems = {}
    for row in rows:
        entry = systems.setdefault(row[0], {c: [] for c in columns})
        for name, value in zip(columns, row, strict=True):
            entry[name].append(value)
    return systems
