"""fl-chain audit run --html: the report of an audit, in a file."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fl_chain import __version__
from fl_chain.audit.findings import Finding
from fl_chain.cli.web import page_libraries
from fl_chain.protocol.audit_statement import SignedAudit
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.roles.services import Services


class ReportWriter:
    """Writes the report of one audit.

    Parameters
    ----------
    path
        The file; what was in it is replaced, all or nothing.
    services
        Chain node and IPFS node.
    task
        Address of the task.
    models
        Digests of the models on record by round, before the audit begins.
    ipfs
        Multiaddrs of the IPFS nodes that the audit asks; empty for those of the services.
    look_seconds
        How long each may look for content that it does not have.
    """

    def __init__(
        self,
        path: Path,
        services: Services,
        task: str,
        models: Mapping[int, str | None],
        ipfs: Sequence[str],
        look_seconds: float,
    ) -> None:
        self._path = path
        self._services = services
        self._task = task
        self._models = models
        self._ipfs = ipfs
        self._look_seconds = look_seconds

    def write(
        self,
        findings: Sequence[Finding],
        only_round: int | None,
        since: int | None,
        signed: SignedAudit | None,
        keys: Mapping[bytes, bytes],
    ) -> None:
        """Write what the audit found by some keys, and who signed it.

        Raises
        ------
        LocalStateError
            The file cannot be written.
        """
        from fl_chain.roles.explorer import Explorer
        from fl_chain.roles.update_norms import measure_norms
        from fl_chain.web.report import Audited, make_report

        audited = Audited(
            findings,
            self._models,
            only_round,
            since,
            int(time.time()),
            describe_environment(),
            self._services.connect().chain_id,
            signed,
        )
        with (
            Explorer(self._services, [self._task]).open(self._task) as opened,
            self._services.open_stores(self._ipfs, self._look_seconds) as store,
        ):
            norms = list(measure_norms(opened.history, store, keys))
            text = make_report(opened, audited, norms)
        write_whole(self._path, text.encode())


def prepare_report(
    path: Path, services: Services, task: str, ipfs: Sequence[str], look_seconds: float
) -> ReportWriter:
    """Return what will write the report; called before the audit begins.

    Raises
    ------
    UsageError
        The libraries for pages are not installed, or there is no such folder.
    """
    with page_libraries():
        import fl_chain.web.report  # noqa: F401
    from fl_chain.roles.explorer import Explorer

    check_place(path)
    if ipfs:
        services = replace(services, ipfs=ipfs[0])
    with Explorer(services, [task]).open(task) as opened:
        models = {row["round"]: row["model"] for row in opened.rounds}
    return ReportWriter(path, services, task, models, ipfs, look_seconds)


def describe_environment() -> dict[str, str]:
    """Return what an audit on this machine depends on: names and versions."""
    return {
        "fl_chain": __version__,
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
