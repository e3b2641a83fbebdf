"""Makes this folder's helpers, and the scripted servers of the models' tests, importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "run"), str(HERE.parent / "model"), str(HERE.parent / "verdict")]
