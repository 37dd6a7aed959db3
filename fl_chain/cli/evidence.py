"""fl-chain evidence: keep what an audit needs, and audit it without any server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from fl_chain.audit.findings import EXIT_CODES, Finding, Verdict, compute_verdict
from fl_chain.cli.findings import print_finding, print_verdict
from fl_chain.cli.history import open_task_history
from fl_chain.cli.index_bar import step_bars
from fl_chain.cli.output import count, print_line
from fl_chain.cli.settings import (
    Settings,
    json_option,
    key_options,
    look_option,
    rpc_option,
    task_option,
)

EXIT_MISSING = 2
bundle_argument = click.argument("bundle", type=click.Path(path_type=Path))


@click.group()
def evidence() -> None:
    """Keep the evidence of a task, and audit it later without chain and IPFS.

    \b
    fl-chain evidence export task.tar --task 0x...
    fl-chain evidence verify task.tar
    fl-chain evidence anchor task.tar --rpc https://... --key auditor --out anchor.json
    fl-chain evidence verify task.tar --anchor anchor.json --anchor-rpc https://...
    """


@evidence.command("export")
@bundle_argument
@task_option
@rpc_option
@click.option(
    "--ipfs",
    metavar="MULTIADDR",
    multiple=True,
    help="IPFS node's API; may be given several times.  [default: configuration, then devnet]",
)
@look_option
@click.option(
    "--sparse",
    is_flag=True,
    help="Leave out headers of blocks without records, for long chains.",
)
@json_option
@click.pass_obj
def export(
    settings: Settings,
    bundle: Path,
    task: str,
    rpc: str | None,
    ipfs: tuple[str, ...],
    look_seconds: float,
    sparse: bool,
    as_json: bool,
) -> int:
    """Write all evidence of a task to BUNDLE, a .tar or a folder that is not there yet.

    Headers, logs with receipt proofs, signed transactions, proofs of code and storage, all content
    as a CAR file, and the contracts' builds. Exit code 0: everything is in it. 2: some content
    could not be had, and stands in the bundle as missing.
    """
    from fl_chain.roles.evidence_export import export_evidence

    services = settings.services(rpc)
    with (
        services.open_stores(ipfs, look_seconds) as store,
        open_task_history(settings, task, rpc, ipfs[0] if ipfs else None) as found,
        step_bars() as on_step,
    ):
        store.version()
        done = export_evidence(found, store, bundle, is_linked=not sparse, on_step=on_step)
    if as_json:
        print_line(
            {
                "bundle": str(bundle),
                "blocks": done.num_blocks,
                "blobs": done.num_blobs,
                "bytes": done.num_bytes,
                "missing": [str(cid) for cid in done.missing],
            }
        )
    else:
        what = f"{count(done.num_blocks, 'block')}, {count(done.num_blobs, 'blob')}"
        click.echo(f"{bundle}: {what}, {done.num_bytes:,} bytes")
        for cid in done.missing:
            click.echo(f"missing: {cid}", err=True)
    return EXIT_MISSING if done.missing else 0


@evidence.command("verify")
@bundle_argument
@click.option(
    "--anchor",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check an anchor of this history as well; needs --anchor-rpc.",
)
@click.option("--anchor-rpc", metavar="URL", help="Chain node of the anchor's chain.")
@json_option
@click.pass_obj
def verify(
    settings: Settings, bundle: Path, anchor: Path | None, anchor_rpc: str | None, as_json: bool
) -> int:
    """Check BUNDLE and audit the task that it shows, without chain and IPFS.

    Exit codes as of fl-chain audit run. What the last block's hash is worth, the bundle cannot
    show: compare it with one that you wrote down, or with an anchor.
    """
    from fl_chain.roles.evidence_verify import verify_bundle

    if (anchor is None) != (anchor_rpc is None):
        raise click.UsageError("--anchor and --anchor-rpc belong together")

    def show(finding: Finding) -> None:
        if as_json:
            print_line(asdict(finding))
        else:
            print_finding(finding)

    verified = verify_bundle(bundle, show)
    findings = verified.findings
    if anchor is not None and anchor_rpc is not None:
        from fl_chain.roles.anchoring import check_anchor, history_of, read_anchor

        connection = settings.services().connect_to(anchor_rpc)
        finding = check_anchor(connection, read_anchor(anchor), history_of(verified))
        findings = [*findings, finding]
        show(finding)
    print_verdict(findings, as_json)
    return EXIT_CODES[compute_verdict(findings)]


@evidence.command("anchor")
@bundle_argument
@key_options
@click.option("--rpc", metavar="URL", required=True, help="Chain node of another chain.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write that says where the anchor is.",
)
@json_option
@click.pass_obj
def anchor_(
    settings: Settings,
    bundle: Path,
    key: str,
    password_file: Path | None,
    rpc: str,
    out: Path,
    as_json: bool,
) -> None:
    """Put one word that stands for the history in BUNDLE on another chain.

    Whoever runs a devnet can make its blocks anew; not those of a chain that others run. The bundle
    is verified first, and anchored only if nothing in it is wrong.
    """
    from fl_chain.errors import UsageError
    from fl_chain.roles.anchoring import anchor_history, history_of, write_anchor
    from fl_chain.roles.evidence_verify import verify_bundle

    if out.exists():  # before anybody pays for it
        raise UsageError(f"{out} is there already", "name another file")
    verified = verify_bundle(bundle)
    if compute_verdict(verified.findings) == Verdict.FAIL:
        raise UsageError(f"{bundle} fails its audit", "see: fl-chain evidence verify")
    services = settings.services()
    account = settings.open_key(services, key, password_file)
    made = anchor_history(services.connect_to(rpc), account, history_of(verified))
    write_anchor(out, made)
    transaction = "0x" + made.transaction.hex()
    if as_json:
        print_line({"root": made.root.hex(), "chain_id": made.chain_id, "transaction": transaction})
    else:
        click.echo(f"anchored on chain {made.chain_id} in {transaction}")
