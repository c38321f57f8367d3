"""Files of studies for tests: the tiny study with some of its keys replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TINY_FILE = Path(__file__).resolve().parents[1] / "workflow" / "tiny-study.yaml"
TINY: dict[str, Any] = yaml.safe_load(TINY_FILE.read_text())


def written(directory: Path, name: str = "tiny", **changes: object) -> Path:
    """Write the tiny study with other values of keys; a key whose value is None is left out."""
    content = {key: value for key, value in {**TINY, **changes}.items() if value is not None}
    path = directory / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
