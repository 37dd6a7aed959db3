"""The entry point: finds the command, turns every expected error into a line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from fl_chain import __version__
from fl_chain.cli.settings import Settings
from fl_chain.errors import FlChainError, LocalStateError, UsageError
from fl_chain.interrupts import insist_on_interrupts

COMMANDS = {
    "aggregator": "Aggregate the updates of a task.",
    "audit": "Re-derive every model of a task from chain and IPFS.",
    "bond": "Take out bonds, and claim what is due.",
    "challenge": "Watch aggregators, and let the contract decide.",
    "contribution": "Measure what each participant contributed.",
    "data": "List and fetch data sets, and check your own.",
    "demo": "Run the main job on this machine, and audit it.",
    "devnet": "Start and stop a local chain and IPFS nodes.",
    "evidence": "Keep what an audit needs, and audit it without any server.",
    "history": "Query the on-chain history.",
    "ipfs": "Run an IPFS node for others to fetch from.",
    "lab": "Try attacks and rules on this machine.",
    "lineage": "Show which updates led to a model.",
    "key": "Make and list keys.",
    "model": "Export models, and evaluate them.",
    "new": "Make a project of your own to start from.",
    "participant": "Take part in a task.",
    "registry": "Enrol, leave, and change keys.",
    "relay": "Hand in for participants what they have signed.",
    "reward": "Fund a task's pot, and have paid what updates earned.",
    "task": "Create a task, admit participants, pause it, stop it.",
    "web": "Show it all in a browser, with the verdict of the audit beside.",
}
"""Noun to summary; each noun is a module of fl_chain.cli with a click group of that name."""

EXIT_INTERRUPTED = 130
_NOUN = f"{__name__}.noun"
EXIT_AUDIT_NOT_RUN = 3
_AUDITS = ("audit", "evidence")
"""Nouns whose exit codes 1 and 2 are verdicts."""


class _Nouns(click.Group):
    """Loads a noun's module only when it is used: most commands need no torch."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"fl_chain.cli.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fl-chain")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".fl-chain"),
    show_default=True,
    help="Directory for devnet, keys and journals.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file.  [default: fl-chain.toml if there is one]",
)
@click.pass_context
def fl_chain(context: click.Context, state: Path, config: Path | None) -> None:
    """Federated learning whose every model anyone can re-derive from chain and IPFS.

    \b
    Try it:            fl-chain demo run
    By hand:           fl-chain devnet up
                       fl-chain key new coordinator
                       fl-chain task create task.toml --key coordinator
                       fl-chain participant run --task 0x... --key alice
                       fl-chain audit run --task 0x...

    Exit codes: 0 done; 10 usage, 11 protocol, 12 IPFS, 13 chain, 14 training data or model,
    15 devnet, 16 local state, 17 keys, 18 relay; 130 interrupted. An audit: 0 pass, 1 failure,
    2 undecidable, 3 could not run. A replay of training: 0 the same, 1 another, 2 undecidable.
    """
    context.meta[_NOUN] = context.invoked_subcommand
    context.obj = Settings.load(state, config)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line, that of this process for None, and exit."""
    # The products of robust rules are small: threads that wait for a busy core made them ten times
    # as slow. Whoever has cores to spare may say otherwise.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    insist_on_interrupts()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors go to standard error."""
    meta: dict[str, object] = {}
    try:
        with fl_chain.make_context("fl-chain", list(arguments)) as context:
            meta = context.meta
            code = fl_chain.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return _exit_code(meta, UsageError.exit_code)
    except click.ClickException as error:
        _complain(UsageError(error.format_message(), _usage_hint(error)))
        return _exit_code(meta, UsageError.exit_code)
    except BrokenPipeError:
        # The reader went away, as `head` does; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _exit_code(meta, 0)
    except FlChainError as error:
        _complain(error)
        return _exit_code(meta, error.exit_code)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _complain(LocalStateError(f"{place}{error.strerror or error}"))
        return _exit_code(meta, LocalStateError.exit_code)
    return code if isinstance(code, int) else 0


def _exit_code(meta: dict[str, object], code: int) -> int:
    """Return the exit code of a command that did not come to its end."""
    return EXIT_AUDIT_NOT_RUN if meta.get(_NOUN) in _AUDITS else code


def _complain(error: FlChainError) -> None:
    click.echo(f"error: {error.message}", err=True)
    if error.hint:
        click.echo(f" hint: {error.hint}", err=True)


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if context is not None and isinstance(error, click.NoSuchOption):
        first = {name for option in fl_chain.params for name in option.opts}
        if error.option_name in first:
            noun = context.command_path.split()[1]
            return f"put it first: fl-chain {error.option_name} … {noun} …"
    return f"see {context.command_path} --help" if context is not None else "see fl-chain --help"
