"""What every action costs, from receipts, beside what it should cost at most.

    .venv/bin/python -m benchmarks.gas [--participants 1000 10000]

Writes benchmarks/gas.md. The actions of a round are those of scripts/gas_snapshot.py on fixed
inputs; a dispute is one about a value of a model of a thousand values, with so many updates. With a
million values each chunk that is opened takes eight more hashes, about 6,000 gas.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from benchmarks.dispute import hold_dispute
from scripts.gas_snapshot import BATCH, measure_on_new_chain

PAGE = Path(__file__).with_name("gas.md")
GOALS = {
    "submit, every later update": 45_000,
    f"submit a batch of {BATCH}": 15_000 * BATCH,
    "list updates, any number": 90_000,
    "finalize, with the next round": 60_000,
}
MOVES = {
    "challenged": "challenge",
    "ASKED": "answer with the first parts",
    "SPLIT": "select a part",
    "SELECTED": "split a part",
    "SINGLE": "decide by one update",
}
DECISION_GOALS = {1_000: 200_000, 10_000: 250_000}
VALUES = 1_000


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, nargs="*", default=[1_000])
    arguments = parser.parse_args()
    lines = [
        "# Gas",
        "",
        "Written by `.venv/bin/python -m benchmarks.gas`; every figure is of a receipt.",
        "",
        "| Action | Gas | At most |",
        "| --- | --- | --- |",
    ]
    for name, gas in measure_on_new_chain().gas.items():
        lines.append(f"| {name} | {gas:,} | {_limit(GOALS.get(name))} |")
    for participants, is_listed in product(arguments.participants, (False, True)):
        watch = hold_dispute(participants, VALUES, is_listed=is_listed)
        where = ", all in one list" if is_listed else ""
        lines += ["", f"A dispute about one value, {participants:,} updates{where}:", ""]
        lines += ["| Move | Gas | At most |", "| --- | --- | --- |"]
        for stage, gas in watch.gas:
            if stage in MOVES:
                goal = DECISION_GOALS.get(participants) if stage == "SINGLE" else None
                lines.append(f"| {MOVES[stage]} | {gas:,} | {_limit(goal)} |")
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")


def _limit(goal: int | None) -> str:
    return f"{goal:,}" if goal else ""


if __name__ == "__main__":
    main()
