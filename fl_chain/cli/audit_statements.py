"""fl-chain audit show, record, list: audits that somebody signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding
from fl_chain.cli.history import open_task_history
from fl_chain.cli.output import print_details, print_line, print_progress, print_rows
from fl_chain.cli.settings import Settings, json_option, key_options, rpc_option, task_option
from fl_chain.protocol.audit_statement import SignedAudit

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from fl_chain.roles.services import Services

AUDITS_OPTIONAL = ("register", "findings_cid_digest", "findings", "recorded_at")
statement_argument = click.argument("statement", type=click.Path(path_type=Path, dir_okay=False))


@click.command("show")
@statement_argument
@json_option
def show(statement: Path, as_json: bool) -> None:
    """Show what the signed audit in file STATEMENT says, once its signature is verified."""
    from fl_chain.roles.audit_statements import describe_statement, read_statement

    row = describe_statement(read_statement(statement))
    if as_json:
        print_line(row)
    else:
        print_details(row)


@click.command("record")
@statement_argument
@key_options
@rpc_option
@json_option
@click.pass_obj
def record(
    settings: Settings,
    statement: Path,
    key: str,
    password_file: Path | None,
    rpc: str | None,
    as_json: bool,
) -> None:
    """Put the signed audit in file STATEMENT on record; whoever --key is pays.

    \b
    fl-chain audit run --task 0x... --sign auditor --statement audit.json
    fl-chain audit record audit.json --key auditor
    """
    from fl_chain.roles.audit_statements import read_statement, record_statement

    signed = read_statement(statement)
    services = settings.services(rpc)
    account = settings.open_key(services, key, password_file)
    record_statement(services.connect(), account, signed, print_progress(as_json))


@click.command("list")
@task_option
@rpc_option
@json_option
@click.pass_obj
def list_(settings: Settings, task: str, rpc: str | None, as_json: bool) -> None:
    """List the audits of a task that are on record, and whether they are of its history."""
    from fl_chain.roles.audit_statements import list_audits

    with open_task_history(settings, task, rpc, None) as found:
        print_rows(list_audits(found), as_json, "no audits on record", AUDITS_OPTIONAL)


class AuditSignature:
    """Signs one audit once its findings are there.

    Parameters
    ----------
    account
        The auditor's key.
    path
        The file to write the signed audit to; not there yet.
    """

    def __init__(self, account: LocalAccount, path: Path) -> None:
        self._account = account
        self._path = path
        self._evidence: Evidence | None = None

    def keep(self, evidence: Evidence) -> None:
        """Remember what is audited."""
        self._evidence = evidence

    def write(
        self, findings: Sequence[Finding], pin: Callable[[bytes], object]
    ) -> SignedAudit | None:
        """Sign, write the file, and pin the document with the findings."""
        from fl_chain.roles.audit_statements import make_statement, write_statement

        if self._evidence is None:
            return None
        signed, document = make_statement(self._account, self._evidence, findings)
        pin(document)
        write_statement(self._path, signed)
        return signed


def prepare_signature(
    settings: Settings, services: Services, signer: str, password_file: Path | None, path: Path
) -> AuditSignature:
    """Return what will sign an audit; called before it begins, so that nothing is in vain.

    Raises
    ------
    UsageError
        The file is there already, or there is no folder for it.
    KeyFileError
        There is no such key, or the password is wrong.
    """
    from fl_chain.errors import UsageError

    if path.exists():
        raise UsageError(f"{path} is there already", "name another file with --statement")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}", "make it first")
    return AuditSignature(settings.open_key(services, signer, password_file), path)
