"""The watchman: audits every model as it comes on record, in a thread of its own.

What it found about a round holds for the model that was on record then, and for no other: where a
chain was rewritten or a proposal was replaced, the round counts as not audited until it was looked
at again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType, TracebackType
from typing import Final, Self

from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import find_tasks
from fl_chain.errors import FlChainError
from fl_chain.roles.auditor import audit_task
from fl_chain.roles.history import summarize_rounds
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.services import Services
from fl_chain.roles.task_history import open_history
from fl_chain.storage.store import ContentStore

PAUSE_SECONDS: Final = 2.0
"""Between two looks at the chain."""
LOOK_SECONDS: Final = 15.0
"""How long an IPFS node may look for content that it does not have."""
RETRY_SECONDS: Final = 300.0
"""After this time a round that could not be decided is looked at again: content may come back."""

Models = Mapping[int, str]
"""Digest of the model on record by round, genesis aside."""


@dataclass(frozen=True, slots=True)
class RoundAudit:
    """What an audit found about one round."""

    model: str
    """Digest of the model on record that was audited."""
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """What the findings add up to."""
        return compute_verdict(self.findings)


@dataclass(frozen=True, slots=True)
class TaskAudit:
    """What was found about a task so far."""

    findings: tuple[Finding, ...] = ()
    """About the task as a whole."""
    rounds: Mapping[int, RoundAudit] = field(default_factory=lambda: MappingProxyType({}))
    problem: str = ""
    """Why the last audit could not run; empty if it could."""

    def of_round(self, number: int, model: str | None) -> RoundAudit | None:
        """Return the audit of a round, None if the model on record now was not audited."""
        found = self.rounds.get(number)
        return found if found is not None and found.model == model else None


class _Stopped(Exception):
    """Ends an audit on the way."""


class Watchman:
    """Audits tasks from :meth:`__enter__` to :meth:`__exit__`.

    Parameters
    ----------
    services
        Chain node and IPFS nodes; connections are opened in the watchman's own thread.
    tasks
        Addresses of the tasks to audit; without any, every task on the chain, newest first.
    look_seconds
        How long an IPFS node may look for content that it does not have.
    """

    def __init__(
        self,
        services: Services,
        tasks: Sequence[str] = (),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._services = services
        self._look_seconds = look_seconds
        self._audited_at: dict[str, float] = {}
        self._tasks = tuple(tasks)
        self._audits: dict[str, TaskAudit] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchman", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop after the check that is running."""
        self._stop.set()
        self._thread.join()

    def audit_of(self, task: str) -> TaskAudit:
        """Return what was found about a task so far."""
        return self._audits.get(task, TaskAudit())

    def _watch(self) -> None:
        with contextlib.suppress(_Stopped):
            while not self._stop.is_set():
                # A node that is away makes nothing else of what was found before.
                with contextlib.suppress(FlChainError):
                    self._look_at_all()
                self._stop.wait(PAUSE_SECONDS)

    def _look_at_all(self) -> None:
        connection = self._services.connect()
        tasks = self._tasks or [address for address, _ in reversed(find_tasks(connection))]
        with self._services.open_stores((), self._look_seconds) as store:
            for task in tasks:
                if self._stop.is_set():
                    return
                try:
                    self._look_at(connection, task, store)
                except FlChainError as error:
                    self._audits[task] = replace(self.audit_of(task), problem=str(error))

    def _look_at(self, connection: ChainConnection, task: str, store: ContentStore) -> None:
        models = self._models_of(connection, task)
        known = self.audit_of(task)
        kept = {n: found for n, found in known.rounds.items() if found.model == models.get(n)}
        if not known.findings or (known.rounds and not kept) or self._is_due(task, known):
            self._audit(connection, task, store, models, None)
            return
        self._audits[task] = replace(known, rounds=kept, problem="")
        for number in sorted(models.keys() - kept.keys()):
            self._audit(connection, task, store, models, number)

    def _is_due(self, task: str, known: TaskAudit) -> bool:
        """Return whether something could not be decided, long enough ago."""
        findings = [*known.findings, *(f for made in known.rounds.values() for f in made.findings)]
        is_open = any(finding.verdict == Verdict.UNDECIDABLE for finding in findings)
        return is_open and time.monotonic() - self._audited_at.get(task, 0) > RETRY_SECONDS

    def _audit(
        self,
        connection: ChainConnection,
        task: str,
        store: ContentStore,
        models: Models,
        only_round: int | None,
    ) -> None:
        """Audit a task, or one round of it, and publish each round when all of it is known."""
        known = self.audit_of(task)
        before = {n: found for n, found in known.rounds.items() if models.get(n) == found.model}
        about_task: list[Finding] = []
        rounds: dict[int, list[Finding]] = {}

        def note(finding: Finding) -> None:
            if self._stop.is_set():
                raise _Stopped
            if finding.round is None:
                about_task.append(finding)
                return
            if finding.round not in rounds:
                publish()
            rounds.setdefault(finding.round, []).append(finding)

        def publish() -> None:
            made = {n: RoundAudit(models[n], tuple(f)) for n, f in rounds.items() if n in models}
            # What is not known yet of an audit that goes on is what was known before.
            checks = {finding.check for finding in about_task}
            older = (finding for finding in known.findings if finding.check not in checks)
            self._audits[task] = TaskAudit((*about_task, *older), {**before, **made})

        audit_task(connection, task, store, only_round, note)
        # A model that took another's place meanwhile is what the findings may be about.
        after = self._models_of(connection, task)
        for number in [n for n in rounds if after.get(n) != models.get(n)]:
            del rounds[number]
        publish()
        self._audited_at[task] = time.monotonic()

    def _models_of(self, connection: ChainConnection, task: str) -> Models:
        shelf = ManifestShelf(None, connection.chain_id)
        history = open_history(self._services.state, connection, task, shelf)
        try:
            summaries = summarize_rounds(history)
        finally:
            history.index.close()
        return {n: s.proposal.model_digest.hex() for n, s in summaries.items() if s.proposal}
