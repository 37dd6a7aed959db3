"""Vectors of audits of a task with masked updates: two groups, of four and of three."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from scripts.vectors.audits import Exceptions, make_case
from scripts.vectors.evidence import (
    AGGREGATORS,
    MAX_ABS,
    TENSORS,
    UNMASK_SECONDS,
    TaskOnRecord,
)
from scripts.vectors.masked_groups import MaskedGroups
from tests import reference as ref
from tests import reference_masks as masks

_NOBODY: frozenset[str] = frozenset()
_GONE = "group_left_out"


class _MaskedTask(TaskOnRecord):
    """A task in whose first round seven members have shared their seeds."""

    def __init__(self) -> None:
        super().__init__(commit_seconds=30, sample_rate=2**32 - 1, num_masked=7)
        self.commit_seeds(60)
        self.reveal_seeds(*AGGREGATORS)
        revealed = [values for event, values in self.ledger if event == "SeedRevealed"]
        seed = ref.seed(self.task, 1, {one["aggregator"]: one["secret"] for one in revealed})
        self.groups = MaskedGroups(self.task, 1, seed, self.participants, 3)
        self.four, self.three = self.groups.groups
        for who in self.participants:
            self.now += 1
            data = masks.framed(*self.groups.share(who))
            shared = self.pin(f"bundle of {who}", data)
            values = {"round": 1, "participant": who, "commitment": shared}
            self.note(self.ledger, "UpdateCommitted", **values)
        self.num_silent = 0

    def enter_all(
        self, late: str = "", apart: dict[str, int] | None = None, outcome: str = "included"
    ) -> None:
        """Let all but one enter; ``outcome`` is what becomes of the three, as of the four."""
        for number, who in enumerate(self.participants):
            if who != late:
                self.now += 1
                self._enter(number, who, (apart or {}).get(who))
                if who in self.three:
                    self.updates[-1]["outcome"] = outcome
        self.now += self.rounds["collect_seconds"] if late else 0

    def _enter(self, number: int, who: str, apart: int | None) -> None:
        sequence, weight, lanes = len(self.updates), 100 * (number + 1), [10 + number, -7 * number]
        bits = masks.ring_bits_of(3, self.rounds["max_weight"], MAX_ABS)
        weighted = [weight * lane for lane in lanes]
        positions = [] if apart is None else [apart]
        metadata = ref.update_metadata(self.task, 1, self.base[0], who)
        masked = self.groups.enter(who, weighted, bits, positions)
        content = masks.masked_update(metadata, TENSORS, masked, bits)
        if apart is not None:
            told = {"round": 1, "participant": who, "positions": 2**apart}
            self.note(self.ledger, "PeersApart", **told)
        self.note(
            self.ledger,
            "UpdateSubmitted",
            round=1,
            participant=who,
            sequence=sequence,
            digest=ref.digest(content).hex(),
            cid_digest=self.pin(f"update {sequence} of round 1", content),
            weight=weight,
        )
        self.updates.append({"lanes": lanes, "weight": weight, "outcome": "included"})
        self.updates[-1]["participant"] = who

    def tell_all(self, silent: Collection[str] = _NOBODY) -> None:
        """Let all who entered tell what they are asked, but some."""
        self.now += 1
        for who in self.groups.entered:
            if who not in silent:
                self.now += 1
                told = self.pin(f"reveal of {who}", masks.framed(*self.groups.reveal(who)))
                values = {"round": 1, "participant": who, "cid_digest": told}
                self.note(self.ledger, "UpdateUnmasked", **values)
        self.num_silent = len(silent)

    def wait(self) -> None:
        """Wait until nobody can tell anything any more."""
        self.now += UNMASK_SECONDS + 1 if self.num_silent else 1


def make_masks() -> Any:
    """Return a round with every way in which an honest group ends."""
    task = _MaskedTask()
    task.enter_all(late=task.four[3], outcome=_GONE)
    task.tell_all(silent=task.three[2:])
    task.propose()
    task.finalize()
    about = (
        "Updates are masked. One of a group of four does not enter, so that the others tell the"
        " seeds of their pairs with it; of a group of three one tells nothing, and it is left out."
    )
    return make_case(about, task.evidence(), [1])


def make_unpaired() -> Any:
    """Return a round with a member that two others declare apart."""
    task = _MaskedTask()
    task.enter_all(apart=dict.fromkeys(task.four[:2], 3))
    for update in task.updates:
        if update["participant"] == task.four[3]:
            update["outcome"] = "unpaired"
    task.tell_all()
    task.propose()
    task.finalize()
    task.lose(f"reveal of {task.four[2]}")
    task.lose(f"update {task.participants.index(task.four[3])} of round 1")
    about = (
        "Two of a group of four say that they share no mask with a third one, whose update is in no"
        " sum, and which nobody has; nobody has the reveal of the fourth, and the others suffice."
    )
    return make_case(about, task.evidence(), [1])


def make_left_out_group() -> Any:
    """Return a report that leaves a group out although all is there."""
    task = _MaskedTask()
    task.enter_all(outcome=_GONE)
    task.tell_all()
    task.propose()
    task.finalize()
    about = "The report leaves a group out whose bundles, updates and reveals can all be had."
    return make_case(about, task.evidence(), [1], {("exclusions", 1): ["UNDECIDABLE"]})


def make_included_group() -> Any:
    """Return a report that includes a group whose sum does not come out."""
    task = _MaskedTask()
    task.enter_all()
    task.tell_all(silent=task.three[2:])
    task.propose()
    task.finalize()
    about = "One of a group of three tells nothing, and report and model have all of its updates."
    wrong: Exceptions = {("exclusions", 1): ["FAIL"] * 3, ("aggregate", 1): ["FAIL"]}
    return make_case(about, task.evidence(), [1], wrong)


def make_missing_bundle() -> Any:
    """Return a round of which a bundle is missing that a sum takes."""
    task = _MaskedTask()
    task.enter_all()
    task.tell_all()
    task.propose()
    task.finalize()
    task.lose(f"bundle of {task.three[1]}")
    about = "Nobody has a share bundle of a group that report and model include."
    missing: Exceptions = {("update_blob", 1): ["UNDECIDABLE"], ("aggregate", 1): []}
    return make_case(about, task.evidence(), [1], missing)


def make_other_unmasking() -> Any:
    """Return a ledger whose storage says that fewer have told their seeds than its records say."""
    task = _MaskedTask()
    task.enter_all()
    task.tell_all(silent=task.three[2:])
    evidence = task.evidence()
    words = evidence["ledger_state"]["unmasking"]
    evidence["ledger_state"]["unmasking"] = words[:64] + f"{5:064x}" + words[128:]
    # There is no model yet, so that nothing else is asked for.
    needed = [entry for entry in evidence["contents"] if entry["is"] in ("manifest", "genesis")]
    evidence["contents"] = needed
    about = "Six members have told their seeds, and the ledger's storage says that five have."
    return make_case(about, evidence, [], {("ledger_state", None): ["FAIL"]})


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/masks.json": make_masks,
    "audit/unpaired.json": make_unpaired,
    "audit/left_out_group.json": make_left_out_group,
    "audit/included_group.json": make_included_group,
    "audit/missing_bundle.json": make_missing_bundle,
    "audit/other_unmasking.json": make_other_unmasking,
}
