"""The main job on one machine: devnet, keys, task, and one process per participant and aggregator.

The processes come from one server that has imported torch once and forks on demand: a dozen imports
at the same time on two cores would cost more than the training. Each runs the very command that
people would run by hand, with its own key, its own journal and, as a participant, its partition.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fl_chain.chain.ether import format_ether
from fl_chain.errors import DevnetError
from fl_chain.interrupts import signals_held
from fl_chain.process import choose_port
from fl_chain.process_pool import start_fork_server
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import BondSlashed, Fault
from fl_chain.roles.coordinator import CreatedTask, create_task
from fl_chain.roles.demo_options import COORDINATOR, RELAY, WATCHER, DemoOptions
from fl_chain.roles.devnet import Devnet, fund, read_devnet, reset_devnet, start_devnet, stop_devnet
from fl_chain.roles.progress import ignore_progress
from fl_chain.roles.registry import make_encryption_key, set_encryption_key
from fl_chain.roles.services import Services, generate_password
from fl_chain.roles.task_file import parse_task
from fl_chain.storage.store import ContentStore
from fl_chain.training.catalogue import find_dataset, load_dataset

RunCommand = Callable[[list[str]], int]
"""Runs one fl-chain command line; importable by name, so that another process can."""

NUM_IPFS_NODES = 2
"""Participants take turns at them from the first on, aggregators from the last: blobs travel over
bitswap."""
STOP_SECONDS = 10.0
NOTED = (
    *("masked_mean", "masked_robust", "bare_sums", "sealed_only_audits"),
    *("noised_sums", "noised_updates", "budget", "epsilon", "short_budget"),
)
"""What is told of a task: what its privacy gives and takes."""
PRELOADED = ("fl_chain.roles.join", "fl_chain.roles.participant", "fl_chain.roles.services")


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """One line of one process."""

    source: str
    """``aggregator-N``, from 1, ``participant-N``, from 0, ``relay``, or ``watcher``."""
    event: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """A bond that was taken."""

    aggregator: str
    """Name of its key, as of the beneficiary's."""
    fault: str
    amount: str
    beneficiary: str
    """Who has half of it; empty for nobody."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a demo has prepared."""

    devnet: Devnet
    task: CreatedTask


@dataclass(slots=True)
class Demo:
    """One run; use as a context manager, which ends every process whatever happens."""

    options: DemoOptions
    run_command: RunCommand
    on_step: Callable[[str], None]
    started_at: float = 0.0
    """When the role processes were started, in seconds of the monotonic clock."""
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What the task gives and takes, as its coordinator is told; after :meth:`prepare`."""
    _stage: Stage | None = None
    _processes: dict[str, BaseProcess] = field(default_factory=dict)
    _outputs: dict[Connection, str] = field(default_factory=dict)

    def __enter__(self) -> Demo:
        """Make Ctrl-C and a polite kill end the run the same way."""
        signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(self, *details: object) -> None:
        """End the role processes; the devnet is the caller's to keep or stop."""
        with signals_held():
            self._end_processes()

    def _end_processes(self) -> None:
        for process in self._processes.values():
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            process.join(max(0.1, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for output in self._outputs:
            output.close()

    @property
    def services(self) -> Services:
        """The devnet's services, as the coordinator uses them."""
        return Services(self.options.state)

    @property
    def stage(self) -> Stage:
        """What :meth:`prepare` made."""
        if self._stage is None:
            raise DevnetError("the demo is not prepared")
        return self._stage

    def prepare(self) -> None:
        """Start the devnet, make and fund the keys, fetch the data, create the task."""
        options = self.options
        options.find_model()  # a mistake is told before anything starts
        # It imports torch while the devnet starts.
        start_fork_server(PRELOADED)
        reset_devnet(options.state)
        devnet = start_devnet(
            options.state,
            kind=options.devnet,
            num_ipfs_nodes=NUM_IPFS_NODES,
            any_ports=True,
            on_step=self.on_step,
        )
        self.on_step(f"loading {options.data} (downloaded the first time)")
        load_dataset(options.data)
        names = options.keys
        self.on_step(f"making {len(names)} keys")
        addresses = self._make_keys(names)
        unfunded = set(options.participants) if options.is_relayed else set()
        payers = [address for name, address in addresses.items() if name not in unfunded]
        fund(self.services.connect(), payers)
        self.on_step("deploying the contracts")
        description = options.describe_task(addresses)
        services = self.services
        account = services.open_key(services.locate_key(COORDINATOR), self._password())
        with services.open_store() as store:
            deployer = services.open_deployer(account)
            task = create_task(parse_task(description), deployer, store, self._note)
            for name in options.readers:
                self._name_encryption_key(name, task.registry, store)
        self._stage = Stage(devnet, task)

    def _note(self, event: str, values: dict[str, Any]) -> None:
        if event in NOTED:
            self.notes.append((event, values))

    def start(self) -> None:
        """Start the aggregators and the participants, a process each."""
        nodes = [service.address for service in self.stage.devnet.ipfs]
        self.started_at = time.monotonic()
        handing_in: list[str] = []
        for index, name in enumerate(self.options.aggregators):
            node = nodes[-1 - index % len(nodes)]
            arguments = ["aggregator", "run", "--key", name, "--ipfs", node]
            if index == 0 and self.options.lists:
                port = choose_port(0, name)
                arguments += ["--intake-port", str(port)]
                handing_in = ["--relay", f"http://127.0.0.1:{port}"]
            if index == 0 and self.options.cheat:
                arguments += ["--cheat", self.options.cheat, "--outbox", str(self._inbox)]
            self._start(name, arguments)
        if self.options.cheat:
            arguments = ["challenge", "run", "--key", WATCHER, "--ipfs", nodes[0]]
            self._start(WATCHER, [*arguments, "--inbox", str(self._inbox)])
        if self.options.is_relayed:
            port = choose_port(0, RELAY)
            self._start(RELAY, ["relay", "run", "--key", RELAY, "--port", str(port)])
            handing_in = ["--relay", f"http://127.0.0.1:{port}"]
        count = self.options.num_participants
        for index, name in enumerate(self.options.participants):
            node = nodes[index % len(nodes)]
            arguments = ["participant", "run", "--key", name, "--ipfs", node]
            arguments += ["--partition-id", str(index), "--num-partitions", str(count)]
            if count == find_dataset(self.options.data).num_silos:
                arguments += ["--partitioner", "natural"]
            self._start(name, [*arguments, *handing_in])

    def events(self) -> Iterator[DemoEvent]:
        """Yield what the processes report until all have ended.

        Raises
        ------
        DevnetError
            A process failed; its log says why.
        """
        rest: dict[str, bytes] = {}
        while self._outputs:
            for output in wait(list(self._outputs)):
                assert isinstance(output, Connection)  # noqa: S101 - nothing else is waited for
                source = self._outputs[output]
                received = os.read(output.fileno(), 65536)
                if not received:
                    del self._outputs[output]
                    output.close()
                    self._check_exit(source)
                    continue
                *lines, rest[source] = (rest.get(source, b"") + received).split(b"\n")
                for line in lines:
                    values = json.loads(line)
                    yield DemoEvent(source, values.pop("event"), values)

    def list_losses(self) -> list[Loss]:
        """Return the bonds that were taken, in order."""
        services = self.services
        keys = {address: name for name, address in services.list_keys()}
        page = services.open_ledger(self.stage.task.ledger).fetch(0)
        records = map(decode_log, page.logs)
        return [
            Loss(
                keys[record.aggregator],
                Fault(record.fault).name,
                format_ether(record.amount),
                keys.get(record.beneficiary, ""),
            )
            for record in records
            if isinstance(record, BondSlashed)
        ]

    def _check_exit(self, source: str) -> None:
        process = self._processes[source]
        process.join(STOP_SECONDS)
        if process.exitcode:
            log = self._log_path(source)
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            reason = next((line for line in lines if line.startswith("error:")), "")
            raise DevnetError(
                f"{source} ended with exit code {process.exitcode} {reason}".strip(), f"see {log}"
            )

    def _start(self, name: str, arguments: Sequence[str]) -> None:
        command = ["--state", str(self.options.state), *arguments, "--task", self.stage.task.ledger]
        command += ["--password-file", str(self.password_path), "--json"]
        reader, writer = multiprocessing.Pipe(duplex=False)
        self._log_path(name).parent.mkdir(exist_ok=True)
        process = start_fork_server(PRELOADED).Process(
            target=_run_role,
            args=(self.run_command, command, writer, self._log_path(name)),
            name=name,
            daemon=True,
        )
        # A signal while the server of processes is asked would end it with a traceback.
        with signals_held():
            process.start()
            writer.close()
            self._processes[name] = process
            self._outputs[reader] = name

    def _make_keys(self, names: Sequence[str]) -> dict[str, str]:
        for path in self.services.keys.glob("*"):
            path.unlink()  # the demo's own keys of last time, for a chain that is gone
        self.password_path.unlink(missing_ok=True)
        password = generate_password(self.password_path)
        return {name: self.services.create_key(name, password, is_generated=True) for name in names}

    def _name_encryption_key(self, name: str, registry: str, store: ContentStore) -> None:
        services, password = self.services, self._password()
        account = services.open_key(services.locate_key(name), password)
        path = services.locate_encryption_key(name)
        key = make_encryption_key(path, password, is_generated=True)
        opened = services.open_registry(registry, account)
        set_encryption_key(opened, store, key, ignore_progress)

    @property
    def password_path(self) -> Path:
        """File of the password of every key."""
        return self.options.state / "password"

    @property
    def _inbox(self) -> Path:
        return self.options.state / "inbox"

    def _password(self) -> str:
        return self.password_path.read_text(encoding="utf-8").strip()

    def _log_path(self, name: str) -> Path:
        return self.options.state / "logs" / f"{name}.log"


def stop_demo(state: Path) -> bool:
    """Stop what a demo left running; return whether anything did.

    A second Ctrl-C waits until everything has ended: it would leave the rest of it running.
    """
    with signals_held():
        devnet = read_devnet(state)
        return devnet is not None and stop_devnet(state)


def _run_role(
    run_command: RunCommand, arguments: list[str], output: Connection, log_path: Path
) -> None:
    """Run one command in its own process: events to the pipe, all else to the log."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us, in its order
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 2)
    os.dup2(output.fileno(), 1)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    sys.exit(run_command(arguments))


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
