"""Vectors of audits of contracts whose code is not this build's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.vectors.audits import Exceptions, make_case
from scripts.vectors.evidence import TaskOnRecord


def make_foreign_code() -> Any:
    """Return contracts that something else created."""
    task = TaskOnRecord()
    task.honest_round()
    task.is_known_creation = False
    task.registry_creation = False
    about = (
        "Other creation code left the ledger's code behind; the chain node lacks the transaction"
        " that created the registry."
    )
    wrong: Exceptions = {
        ("ledger_code", None): ["FAIL"],
        ("registry_code", None): ["UNDECIDABLE"],
    }
    return make_case(about, task.evidence(), [1], wrong)


def make_foreign_disputes() -> Any:
    """Return a ledger that runs other code for disputes."""
    task = TaskOnRecord()
    task.honest_round()
    task.is_known_disputes = False
    about = "The code at the address that the ledger runs for disputes is not the build's."
    return make_case(about, task.evidence(), [1], {("ledger_code", None): ["FAIL"]})


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/foreign_code.json": make_foreign_code,
    "audit/foreign_disputes.json": make_foreign_disputes,
}
