"""Another way to answer with a model, as an installed package adds it; a contender asks for it by ``system``."""

from typing import Any

from harness.core import Registry
from harness.system.systems import Direct, System
from harness.userfile import Strict


class SystemKind:
    """What a kind of contender says of itself; ``options`` is the record of the keys that stand beside its ``name``."""

    name: str
    options: type[Strict] = Strict
    revision: int = 1  # raised where equal options come to answer otherwise, for it is part of a contender's identity

    def build(self, direct: Direct, options: Any) -> System:
        """The contender on one suite, made of the one that asks the same model once; it keeps what identifies that."""
        raise NotImplementedError


SYSTEMS: Registry[SystemKind] = Registry(
    "system", "harness.system", lambda value: isinstance(value, SystemKind), group="ownbench.systems"
)
