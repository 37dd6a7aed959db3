"""What a round of the same local work lasts in Flower's simulation: no chain, no IPFS, no audit.

    pip install 'flwr[simulation]'
    .venv/bin/python -m benchmarks.flower_round [--rounds 25] [--at-once 2]

The model, the data, the partitions and the local work are those of benchmarks.round_overhead, with
one thread per client; models stay in memory. ``--at-once`` is how many clients Ray runs at a time
on this machine's cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import cache
from typing import Any

import numpy as np
import torch
from flwr.client import Client, ClientApp, NumPyClient
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.simulation import run_simulation

from benchmarks.round_overhead import WARM_UP_ROUNDS, make_trainer
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters

CLIENTS = 10


@cache
def open_trainer(index: int) -> tuple[LocalSgd, list[str]]:
    """Return a client's trainer, which the next round finds again, and its parameters' names."""
    torch.set_num_threads(1)
    trainer, parameters = make_trainer(index, CLIENTS)
    return trainer, list(parameters)


class Participant(NumPyClient):  # type: ignore[misc, unused-ignore]
    """Does what a participant does between fetching a model and encoding an update."""

    def __init__(self, index: int) -> None:
        self._index = index

    def fit(self, parameters: list[Any], config: Any) -> tuple[list[Any], int, dict[str, Any]]:
        """Evaluate the base model and train on from it."""
        trainer, names = open_trainer(self._index)
        base = dict(zip(names, parameters, strict=True))
        trainer.evaluate(base)
        result = trainer.train(base, seed=0)
        trained = [base[name] + result.parameter_delta[name] for name in names]
        return trained, result.num_examples, {}


class TimedFedAvg(FedAvg):  # type: ignore[misc, unused-ignore]
    """Federated averaging that notes when each round begins."""

    began: list[float]

    def configure_fit(self, *arguments: Any, **options: Any) -> Any:
        """Begin a round."""
        self.began.append(time.perf_counter())
        return super().configure_fit(*arguments, **options)

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        """Average; a round in which a client failed is no measure."""
        if failures or len(results) != CLIENTS:
            raise SystemExit(f"round {server_round}: {len(results)} results, failures {failures}")
        return super().aggregate_fit(server_round, results, failures)


def make_client(context: Context) -> Client:
    """Return the client of one partition."""
    return Participant(int(context.node_config["partition-id"])).to_client()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="measured")
    parser.add_argument("--at-once", type=int, default=2)
    arguments = parser.parse_args()
    num_rounds = WARM_UP_ROUNDS + arguments.rounds + 1
    initial = [*get_parameters(build_model("mcmahan_2nn", 0)).values()]
    strategy = TimedFedAvg(
        fraction_fit=1.0,
        fraction_evaluate=0.0,
        min_fit_clients=CLIENTS,
        min_available_clients=CLIENTS,
        initial_parameters=ndarrays_to_parameters(initial),
    )
    strategy.began = []
    config = ServerConfig(num_rounds=num_rounds)
    cores = os.cpu_count() or 1
    run_simulation(
        ServerApp(server_fn=lambda context: ServerAppComponents(strategy=strategy, config=config)),
        ClientApp(client_fn=make_client),
        num_supernodes=CLIENTS,
        backend_config={
            "client_resources": {"num_cpus": cores / arguments.at_once, "num_gpus": 0.0},
            "init_args": {"num_cpus": cores, "include_dashboard": False},
        },
    )
    seconds = np.diff(strategy.began)[WARM_UP_ROUNDS:]
    print(f"Flower's simulation, {arguments.at_once} clients at a time, {len(seconds)} rounds:")
    print(f"round {statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")


if __name__ == "__main__":
    from benchmarks import flower_round  # by its name, since Ray's workers import it

    flower_round.main()
