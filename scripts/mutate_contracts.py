#!/usr/bin/env python3
"""Change the contracts in small ways, one at a time, and see whether a contract test notices.

What no test notices is a mutant that survived: either a test is missing, or the change makes no
difference that anybody could see. accepted_mutants.toml lists those of the second kind, each with
the reason. The checkout is not touched; what was found out is kept in the user's cache, and holds
until the contracts, or the tests that it depends on, change.

Exits with 1 if a mutant survived that is not accepted, and with 2 if a test fails without mutants.
docs/contract-quality.md says what is changed, and what came out.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_chain.cache import cache_directory  # noqa: E402
from scripts.mutant_results import Result, Results  # noqa: E402
from scripts.mutant_runner import Runner  # noqa: E402
from scripts.mutant_sources import Mutant  # noqa: E402
from scripts.mutant_tests import Suite, build, find_mutants  # noqa: E402

NOT_COMPILED = "the compiler"
ACCEPTED = ROOT / "scripts" / "accepted_mutants.toml"

EXAMPLES = """\
examples:
  mutate_contracts.py                                  all, some hours from nothing
  mutate_contracts.py --list --contract Committee      what would be changed, and nothing else
  mutate_contracts.py --contract Bonds --line 32       what one line of a contract is made of
  mutate_contracts.py --sample 100 --seed 7 --quick    the same hundred each time
"""


class Hunters:
    """Runs test contracts against mutants, those first that killed the neighbours of a mutant."""

    def __init__(self, runner: Runner, suites: list[Suite], share: int) -> None:
        self._runner = runner
        self._share = share
        self._kills: dict[str, Counter[str]] = defaultdict(Counter)
        self._suites: list[Suite] = []
        self._excluded = ""
        failing = []
        for suite in suites:
            answer = runner.run(suite, 0, share, "")
            if answer is None or answer["count"] == 0:
                raise SystemExit(f"{suite.name} does not run, even without a mutant")
            failing += [(suite.name, test["name"], test["reason"]) for test in answer["failed"]]
            self._suites.append(Suite(suite.name, suite.source, answer["seconds"]))
        if any(not _is_about_gas(name) for _, name, _ in failing):
            for suite_name, name, reason in failing:
                print(f"{suite_name}.{name}: {reason}", file=sys.stderr)
            raise SystemExit(2)
        names = [re.escape(name.split("(")[0]) for _, name, _ in failing]
        self._excluded = "^(" + "|".join(names) + r")\b" if names else ""
        for suite_name, name, _ in failing:
            print(f"left out, since mutants cost gas: {suite_name}.{name}")

    def chase(self, mutant: Mutant) -> Result:
        """Run test contracts against a mutant until one of them fails."""
        here, near = f"{mutant.contract}.{mutant.function}", mutant.contract
        for suite in sorted(
            self._suites,
            key=lambda suite: (
                -self._kills[here][suite.name] / (0.1 + suite.seconds),
                -self._kills[near][suite.name] / (0.1 + suite.seconds),
                suite.seconds,
            ),
        ):
            answer = self._runner.run(suite, mutant.number, self._share, self._excluded)
            if answer is None or answer["failed"]:
                self._kills[here][suite.name] += 1
                self._kills[near][suite.name] += 1
                test = answer["failed"][0]["name"] if answer else "does not end"
                return Result(f"{suite.name}.{test}", suite.source)
        return Result(None, None)


def main() -> int:
    """Make the mutants, run the tests against them, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--contract", action="append", metavar="NAME", help="only these; repeatable"
    )
    parser.add_argument("--line", type=int, help="only what begins in this line of its file")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them, at random")
    parser.add_argument("--seed", type=int, default=0, help="which N (default: 0)")
    parser.add_argument("--list", action="store_true", help="only print the mutants")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="an eighth of the runs of fuzzed tests; what survives is not kept",
    )
    parser.add_argument(
        "--skip-accepted",
        action="store_true",
        help="do not run tests against accepted mutants, which takes them longest",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=cache_directory() / "mutants",
        help="directory for results (default: %(default)s)",
    )
    arguments = parser.parse_args()

    every = find_mutants()
    chosen = [
        mutant
        for mutant in every
        if (not arguments.contract or mutant.contract in arguments.contract)
        and (arguments.line is None or mutant.line == arguments.line)
    ]
    if arguments.sample is not None and arguments.sample < len(chosen):
        chosen = random.Random(arguments.seed).sample(chosen, arguments.sample)  # noqa: S311
        chosen.sort(key=lambda mutant: mutant.number)
    if arguments.list:
        for mutant in chosen:
            print(f"{mutant.source}:{mutant.line}: {mutant.key}")
        return 0
    results = Results(arguments.cache / "results.jsonl")
    skipped = read_accepted(ACCEPTED).keys() if arguments.skip_accepted else set()
    wanted = [mutant for mutant in chosen if mutant.key not in skipped]
    hunt(wanted, results, is_quick=arguments.quick)
    return report(chosen, every, results)


def hunt(chosen: list[Mutant], results: Results, *, is_quick: bool) -> None:
    """Run the tests against every mutant whose result is not known."""
    unknown = [mutant for mutant in chosen if results.get(mutant) is None]
    print(f"{len(chosen)} mutants, {len(chosen) - len(unknown)} of them known", flush=True)
    if not unknown:
        return
    built = build()
    refused = {mutant.number for mutant in built.not_compiled}
    with (
        tempfile.TemporaryDirectory() as scratch,
        Runner(built.inputs, Path(scratch)) as runner,
    ):
        pack = Hunters(runner, built.suites, 8 if is_quick else 1)
        for count, mutant in enumerate(unknown, 1):
            refusal = Result(NOT_COMPILED, None)
            result = refusal if mutant.number in refused else pack.chase(mutant)
            results.add(mutant, result, is_lasting=result.killer is not None or not is_quick)
            if result.killer is None:
                print(f"survived: {mutant.source}:{mutant.line}: {mutant.key}", flush=True)
            if count % 100 == 0:
                print(f"{count} of {len(unknown)}", flush=True)


def report(chosen: list[Mutant], every: list[Mutant], results: Results) -> int:
    """Print totals and what is new; return 1 if a mutant survived that is not accepted."""
    accepted = read_accepted(ACCEPTED)
    new, needless = [], []
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in chosen:
        result = results.get(mutant)
        if result is None or result.killer is None:
            fate = "accepted" if mutant.key in accepted else "survived"
        else:
            fate = "invalid" if result.killer == NOT_COMPILED else "killed"
            if mutant.key in accepted:
                needless.append(mutant)
        if fate == "survived":
            new.append(mutant)
        for name in (mutant.contract, "all"):
            rows[name][fate] += 1
            rows[name]["mutants"] += 1
    columns = ("mutants", "killed", "accepted", "survived", "invalid")
    print("\n" + "contract".ljust(20) + "".join(column.rjust(10) for column in columns))
    for name in sorted(rows, key=lambda name: (name == "all", name)):
        print(name.ljust(20) + "".join(str(rows[name][column]).rjust(10) for column in columns))
    for mutant in new:
        print(f"survived: {mutant.source}:{mutant.line}: {mutant.key}")
    for key in sorted(accepted.keys() - {mutant.key for mutant in every}):
        print(f"accepted, but there is no such mutant: {key}")
    for mutant in needless:
        print(f"accepted, but killed: {mutant.key}")
    return int(bool(new))


def read_accepted(path: Path) -> dict[str, str]:
    """Return the reasons why mutants may survive, by their keys.

    Raises
    ------
    ValueError
        If an entry is not well formed, or a mutant has two.
    """
    accepted: dict[str, str] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["accepted"]:
        if entry.keys() != {"contract", "function", "changes", "reason"} or not entry["reason"]:
            raise ValueError(f"{path.name}: not an entry: {entry}")
        for change in entry["changes"]:
            key = f"{entry['contract']}.{entry['function']}: {change}"
            if key in accepted:
                raise ValueError(f"{path.name}: twice: {key}")
            accepted[key] = entry["reason"]
    return accepted


def _is_about_gas(test: str) -> bool:
    return re.search(r"Gas|Cost", test) is not None


if __name__ == "__main__":
    sys.exit(main())
