"""``ownbench schema``: the JSON Schema of a file that you write, for editors. With the keys of installed plug-ins."""

import argparse
import importlib

from harness.cli.output import write_json

FILES = {
    "experiment": ("harness.experiment", "Experiment"),
    "suite": ("harness.suite.schema", "SuiteFile"),
    "gate": ("harness.verdict", "Policy"),
}  # each file, and where the record stands that checks it


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("file", choices=FILES, help="which file: experiment.yaml, suite.yaml or gate.yaml")
    parser.epilog = "example: ownbench schema experiment"


def run(args: argparse.Namespace) -> int:
    """Prints the schema, and nothing else."""
    module, record = FILES[args.file]
    schema = getattr(importlib.import_module(module), record).model_json_schema()
    write_json({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema)
    return 0
