"""Whether an adapter belongs to a base: the same weights by digest, and matrices that fit."""

import re
from pathlib import Path

from harness.adapter.base import base_digest, base_shapes
from harness.adapter.folder import WEIGHTS, Adapter
from harness.adapter.tensors import Shapes, tensor_shapes
from harness.core import UserFileError

_MATRIX = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(?:\.weight)?$"
)


def check_adapter(adapter: Adapter, base: Path) -> None:
    """Returns when ``adapter`` can be used on the model in the folder ``base``.

    Nothing is loaded: shapes come from the files' headers. That the file holds all that its configuration names is for
    the backend to find, which knows PEFT; that the adapter changes answers is for the model to probe.

    Raises:
        UserFileError: the base's digest is another than the card's, the adapter has no LoRA matrices, a matrix
            belongs to a module that the base has not, or its shape does not fit.
    """
    if adapter.base_digest is not None and (found := base_digest(base)) != adapter.base_digest:
        problem = f"the adapter was trained on {adapter.base_digest}, the base {base} is {found}"
        advice = "use the base it was trained on, or train it again on this one"
        raise UserFileError(adapter.path / "card.yaml", problem, field="base_digest", advice=advice)
    weights = adapter.path / WEIGHTS
    own, shapes = tensor_shapes(weights), base_shapes(base)
    pairs: dict[str, Shapes] = {}  # by module, the shapes of its matrices A (rank x in) and B (out x rank)
    for match, shape in ((_MATRIX.match(name), shape) for name, shape in own.items()):
        if match:
            pairs.setdefault(match["module"], {})[match["side"]] = shape
    if not pairs:
        problem = f"holds no LoRA matrices (lora_A, lora_B) among its {len(own)} tensors ({', '.join([*own][:3])})"
        raise UserFileError(weights, problem, advice="save the adapter again")
    if foreign := [module for module in pairs if _weight_shape(module, shapes) is None]:
        none = f"none of its {len(pairs)} modules is in the base {base}; the first is {foreign[0]}"
        some = f"{len(foreign)} of its {len(pairs)} modules are not in the base {base}"
        problem, field = (none, "target_modules") if len(foreign) == len(pairs) else (some, foreign[0])
        advice = f"it was trained on {adapter.base_model or 'another model'}: use that base"
        raise UserFileError(weights, problem, field=field, advice=advice)
    for side in "AB":
        if lacking := [module for module, sides in pairs.items() if side not in sides]:
            problem = f"lora_{side} is missing in {len(lacking)} of {len(pairs)} modules ({', '.join(lacking[:3])})"
            raise UserFileError(weights, problem, advice="save the adapter again")
    for module, sides in pairs.items():
        a, b = sides["A"], sides["B"]
        weight = _own_shape(module, own) or _weight_shape(module, shapes) or ()
        if len(a) < 2 or len(b) < 2 or a[0] != b[1]:
            problem = f"lora_A is {list(a)} and lora_B {list(b)}: no common rank"
            raise UserFileError(weights, problem, field=module, advice="save it again")
        product = (b[0], *a[1:])
        if weight not in {product, product[::-1]}:
            changes = f"adapter {adapter.name} changes a matrix of {list(product)}"
            problem = f"{changes}, the base {base} has {list(weight)} there"
            raise UserFileError(weights, problem, field=module, advice="use the base it was trained on")


def _weight_shape(module: str, shapes: Shapes) -> tuple[int, ...] | None:
    """The shape of a module's weight; a checkpoint may leave out the leading parts of a name."""
    parts = module.split(".")
    for first in range(len(parts)):
        shape = shapes.get(".".join(parts[first:]) + ".weight")
        if shape is not None and len(parts) - first >= min(2, len(parts)):
            return shape
    # tied output layers are not stored: the embedding's matrix stands for them
    return shapes.get("model.embed_tokens.weight") if module == "lm_head" else None


def _own_shape(module: str, own: Shapes) -> tuple[int, ...] | None:
    """The shape of a module's weight where the adapter brings the whole of it, as it does with added tokens."""
    names = (f"base_model.model.{module}{place}.weight" for place in (".base_layer", ""))
    return next((own[name] for name in names if name in own), None)
