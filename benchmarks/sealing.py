"""What sealed and masked updates cost: rounds of the demo in each mode in turns, and sealing alone.

    .venv/bin/python -m benchmarks.sealing [--rounds 10] [--blocks 3] [--aggregators 1]

Every block is a demo of each mode: the same participants, data and seeds. Beside the rounds, the
time that sealing and opening an update of 1,000,000 values take, and how much longer it is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.round_overhead import WARM_UP_ROUNDS, measure_rounds, show
from fl_chain.privacy.sealing import SealPlace, decode_sealed, open_sealed, seal_update
from fl_chain.protocol.encryption import derive_public_key, name_key
from fl_chain.protocol.privacy import PRIVACY_MODES
from fl_chain.roles.demo import stop_demo
from fl_chain.roles.demo_options import DemoOptions
from fl_chain.training.catalogue import load_dataset

NUM_VALUES, NUM_READERS, REPETITIONS = 1_000_000, 4, 30


def measure(what: Callable[[], object]) -> float:
    """Return the median milliseconds of some repetitions."""
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def measure_steps() -> None:
    """Print what sealing and opening one update takes."""
    blob = os.urandom(2 * NUM_VALUES)
    place = SealPlace("00" * 32, 1, "0x" + "00" * 20)
    secrets = [os.urandom(32) for _ in range(NUM_READERS)]
    keys = [derive_public_key(secret) for secret in secrets]
    sealed = seal_update(place, blob, keys, os.urandom(32))
    ring = {name_key(keys[-1]): secrets[-1]}
    seal = measure(lambda: seal_update(place, blob, keys, os.urandom(32)))
    opened = measure(lambda: open_sealed(decode_sealed(sealed), ring))
    print(f"an update of {NUM_VALUES:,} values, {NUM_READERS} readers:", end=" ")
    print(f"sealed in {seal:.1f} ms, opened in {opened:.1f} ms,", end=" ")
    print(f"{100 * (len(sealed) / len(blob) - 1):.2f} % longer")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="measured per block and mode")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--participants", type=int, default=10)
    parser.add_argument("--aggregators", type=int, default=1)
    arguments = parser.parse_args()
    measure_steps()
    load_dataset("mnist")
    rounds: dict[str, list[float]] = {mode: [] for mode in PRIVACY_MODES}
    for block in range(arguments.blocks):
        modes = PRIVACY_MODES if block % 2 == 0 else PRIVACY_MODES[::-1]
        for mode in modes:
            with tempfile.TemporaryDirectory() as directory:
                options = DemoOptions(
                    Path(directory),
                    arguments.participants,
                    WARM_UP_ROUNDS + arguments.rounds,
                    num_aggregators=arguments.aggregators,
                    privacy=mode,
                )
                try:
                    measure_rounds(options, rounds[mode], defaultdict(list))
                finally:
                    stop_demo(Path(directory))
    count = arguments.participants
    print(f"{count} participants, {arguments.aggregators} aggregators, mcmahan_2nn,", end=" ")
    print(f"{os.cpu_count()} cores; seconds per round")
    print("                         median      min      max")
    for mode, values in rounds.items():
        show(mode, values)
    plain = statistics.median(rounds[PRIVACY_MODES[0]])
    for mode in PRIVACY_MODES[1:]:
        print(f"{mode} over open: {100 * (statistics.median(rounds[mode]) / plain - 1):+.1f} %")


if __name__ == "__main__":
    main()
