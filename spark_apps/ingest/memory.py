"""What must outlast the process that knew it: small JSON files beside the spool, replaced whole."""
from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


def save(path: Path, value: Any, sync: bool = True) -> None:
    """A reader finds the old or the new one, also after a crash; `sync`: of the machine too. OSError as it comes."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value if isinstance(value, dict) else asdict(value), file)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    temporary.rename(path)


def load(path: Path, kind: type[T]) -> T | None:
    """None where there is none, or none that can be read: that is said, and ingest goes on as new."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names = [field.name for field in fields(kind) if field.name in found]  # type: ignore[arg-type]
        return kind(**{name: tuple(v) if isinstance(v := found[name], list) else v for name in names})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        log.warning("%s cannot be read (%s) and is begun anew", path, error)
        return None
