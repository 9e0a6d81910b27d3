"""What a simulator is started with."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.simulator.script import Script
from spark_apps.clock import Clock


@dataclass(frozen=True)
class Settings:
    """Seconds are the platform's; each takes `time_scale` seconds of ours, so that a test need not wait for them."""

    directory: Path
    rate: float = 50.0                # tweets a second of ours
    token: str | None = None          # None: any bearer token will do
    limit: int | None = None          # tweets in all
    duration_s: float | None = None   # of sending, from the first connection on
    keep_alive_s: float = 20.0
    max_connections: int = 1
    clock: Clock = field(default_factory=Clock)
    time_scale: float = 1.0
    always: bool = False              # tweets happen also while nobody is connected, from the first connection on
    monthly_cap: int = 3_000_000      # posts that may be read in a month
    already_read: int = 0             # of them, when the simulator begins
    script: Script = field(default_factory=Script)
