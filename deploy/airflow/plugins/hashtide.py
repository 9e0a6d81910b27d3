"""Where Airflow looks for plugins; the page itself is deploy.airflow.page."""
from __future__ import annotations

from deploy.airflow.page.plugin import HashtidePlugin

__all__ = ["HashtidePlugin"]
