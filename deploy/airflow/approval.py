"""A person's approval inside a task that otherwise goes on at once: the task waits in state awaiting_input.

Not a task of its own: each run of the stream would then wait for the start of one more process, and most need nobody's
approval.
"""
from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Context

#: After so long a request counts as rejected.
WITHIN = timedelta(hours=24)


class Approval(HITLOperator):
    """`ask` ends the process; Airflow goes on with `execute_complete`, that is with `answered`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(subject="", options=[ApprovalOperator.APPROVE, ApprovalOperator.REJECT],
                         defaults=[ApprovalOperator.REJECT], response_timeout=WITHIN, **kwargs)

    def ask(self, context: Context, subject: str, text: str) -> NoReturn:
        """`text` is shown as it is, not as Markdown."""
        self.subject, self.body = subject, "\n".join(f"    {line}" for line in text.splitlines())
        self.log.info("waiting for approval under Required Actions:\n%s\n%s", subject, text)
        super().execute(context)
        raise AssertionError("the task waits")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        answer = super().execute_complete(context, event)
        yes = answer["chosen_options"] == [ApprovalOperator.APPROVE]
        self.answered(context, yes, "nobody within a day" if event.get("timedout") else by(event))

    def answered(self, context: Context, yes: bool, who: str) -> None:
        raise NotImplementedError


def by(event: dict[str, Any]) -> str:
    """Who answered."""
    user: Any = event.get("responded_by_user") or {}
    name = user.get("name") if isinstance(user, dict) else getattr(user, "name", "")
    return "".join(c for c in str(name or "somebody") if c.isprintable())[:80]
