"""What aggregators make of a masked round as content is missing, each to somebody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fl_chain.aggregation.derive import step_round
from fl_chain.aggregation.submissions import Place
from fl_chain.errors import BlobUnavailable
from fl_chain.protocol.blob import decode_blob
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import ModelProposed
from fl_chain.protocol.report import ExclusionReason, decode_report
from fl_chain.roles.attestations import Attester
from fl_chain.roles.examination import Examination
from fl_chain.roles.group_blobs import gather_reported
from tests.unit.aggregation.masked_world import (
    BASE_DIGEST,
    NUMBER,
    MaskedRoundOf,
    make_base,
    make_manifest,
)

GONE = ExclusionReason.GROUP_LEFT_OUT
SILENT = {"round": NUMBER, "reason": "content was available to one of us only"}


class Party:
    """One aggregator, with what it can fetch, and what it was told."""

    def __init__(self, played: MaskedRoundOf) -> None:
        self.played = played
        self.hidden = set[bytes]()
        """By digest: what this one cannot get."""
        self.asked = list[bytes]()
        self.told: list[tuple[str, dict[str, Any]]] = []
        history = played.history
        task = SimpleNamespace(
            current=SimpleNamespace(round=NUMBER, num_updates=len(history.updates)),
            rounds={NUMBER: history},
            is_masked=True,
            has_lists=False,
            parameters=SimpleNamespace(reward=0, challenge_seconds=100),
            model_digest=lambda number: bytes.fromhex(BASE_DIGEST),
        )
        manifest = played.manifest
        self.follower = SimpleNamespace(
            task=task,
            manifest=manifest,
            phase=Phase.AGGREGATING,
            now=100,
            ledger=SimpleNamespace(),
            place=Place(31337, "0x" + "11" * 20, manifest.task_id, NUMBER, 50, None),
            base_model=lambda: make_base(manifest),
        )
        follower = cast(Any, self.follower)
        self.examination = Examination(follower, self, self._note, 0)
        self.attester = Attester(follower, self, self.examination, None, self._note, 0)

    def _note(self, event: str, values: dict[str, Any]) -> None:
        self.told.append((event, values))

    def put(self, data: bytes) -> Cid:
        cid = compute_cid(data)
        self.played.blobs[cid.digest] = data
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        self.asked.append(cid.digest)
        if cid.digest in self.hidden or cid.digest not in self.played.blobs:
            raise BlobUnavailable(f"{cid} is nowhere")
        data = self.played.blobs[cid.digest]
        assert len(data) <= max_bytes
        return data

    def hide_reveals(self, group: int) -> None:
        blobs = self.played.groups[group].list_blobs()
        self.hidden |= {blob.cid.digest for blob in blobs if blob.kind == "reveal"}

    def hide_update(self, group: int, position: int) -> int:
        record = self.played.groups[group].updates[position]
        self.hidden.add(record.cid_digest)
        return record.sequence

    def excluded(self) -> dict[int, str]:
        return {
            values["sequence"]: str(values["reason"])
            for event, values in self.told
            if event == "excluded"
        }

    def propose(self) -> ModelProposed:
        """Look, give up on what is missing, and propose."""
        self.examination.look()
        self.examination.give_up_on(self.examination.missing())
        assert self.examination.aggregation is not None
        assert not self.examination.pending()
        derived = self.examination.aggregation.derive(make_base(self.played.manifest))
        cids = [self.put(data).digest for data in (derived.model, derived.report)]
        return ModelProposed(
            *(NUMBER, "0x" + "a9" * 20, derived.model_digest, cids[0]),
            *(compute_digest(derived.report), cids[1], 99),
        )

    def judge(self, proposal: ModelProposed) -> tuple[bytes, bytes] | None:
        self.examination.look()
        return self.attester._judge(proposal)


def digests(proposal: ModelProposed) -> tuple[bytes, bytes]:
    return proposal.model_digest, proposal.report_digest


@pytest.fixture
def played() -> MaskedRoundOf:
    """Three groups of four."""
    made = MaskedRoundOf(make_manifest(4), 12)
    made.play()
    return made


@pytest.mark.parametrize("phase", [Phase.COMMITTING, Phase.COLLECTING, Phase.UNMASKING])
def test_nothing_is_fetched_before_seeds_are_told(played: MaskedRoundOf, phase: Phase) -> None:
    party = Party(played)
    party.follower.phase = phase
    assert not party.examination.look()
    assert party.asked == []
    assert party.examination.aggregation is None


def test_a_whole_round_is_fetched_once_group_by_group(played: MaskedRoundOf) -> None:
    party = Party(played)
    assert party.examination.look()
    assert not party.examination.look()
    assert len(party.asked) == len(set(party.asked)) == 12 * 3
    updates = [record.cid_digest for record in played.history.updates]
    order = [updates.index(digest) for digest in party.asked if digest in updates]
    assert order == [n for group in played.groups for n in sorted(group.sequences)]
    assert party.examination.pending() == []
    assert party.examination.aggregation is not None
    assert party.examination.aggregation.derive(make_base(played.manifest)) == played.derive()
    assert {event for event, _ in party.told} == {"examined"}


def test_seeds_that_are_late_are_asked_for_again(played: MaskedRoundOf) -> None:
    party = Party(played)
    party.hide_reveals(1)
    party.examination.look()
    assert set(party.examination.pending()) == played.groups[1].sequences
    asked = set(party.asked)
    assert not asked & {record.cid_digest for record in played.groups[1].updates.values()}
    party.hidden.clear()
    assert party.examination.look()
    assert party.examination.pending() == []
    assert party.examination.given_up == {}


def test_a_group_whose_seeds_are_given_up_is_left_out_and_reported(played: MaskedRoundOf) -> None:
    party = Party(played)
    party.hide_reveals(1)
    proposal = party.propose()
    gone = played.groups[1].sequences
    assert party.excluded() == dict.fromkeys(gone, "group_left_out")
    assert party.examination.given_up == dict.fromkeys(gone, GONE)
    report = decode_report(played.blobs[proposal.report_cid_digest])
    assert {number for number, _ in report.excluded} == gone


def test_an_update_that_is_given_up_takes_its_group_along(played: MaskedRoundOf) -> None:
    party = Party(played)
    sequence = party.hide_update(2, 1)
    party.examination.look()
    assert party.examination.pending() == [sequence]
    party.propose()
    others = dict.fromkeys(played.groups[2].sequences - {sequence}, "group_left_out")
    assert party.excluded() == {sequence: "unavailable", **others}
    assert party.examination.given_up == {sequence: ExclusionReason.UNAVAILABLE}


def test_without_enough_on_record_a_group_is_left_out_at_once(played: MaskedRoundOf) -> None:
    members = played.groups[0].members[:2]
    played.history.unmaskings = [
        record for record in played.history.unmaskings if record.participant not in members
    ]
    party = Party(played)
    party.examination.look()
    assert party.examination.pending() == []
    assert party.excluded() == dict.fromkeys(played.groups[0].sequences, "group_left_out")
    assert party.examination.given_up == {}


def test_false_reveals_and_bundles_are_told_with_their_senders(played: MaskedRoundOf) -> None:
    group = played.groups[0]
    played.blobs[group.unmaskings[2].cid_digest] = b"no reveal"
    played.blobs[group.commitments[1].commitment] = b"no bundle"
    party = Party(played)
    party.examination.look()
    told = [values for event, values in party.told if event == "false_seeds"]
    place = {"round": NUMBER, "group": 0}
    assert told == [
        {**place, "kind": "reveal", "participant": group.members[2]},
        {**place, "kind": "shares", "participant": group.members[1]},
    ]
    assert set(party.excluded()) == group.sequences


def test_a_record_that_grows_behind_our_clock_begins_anew(played: MaskedRoundOf) -> None:
    last = played.history.unmaskings.pop()
    party = Party(played)
    party.examination.look()
    before = party.examination.aggregation
    played.history.unmaskings.append(last)
    party.examination.look()
    assert party.examination.aggregation is not before
    assert party.examination.pending() == []


def test_all_who_have_everything_agree(played: MaskedRoundOf) -> None:
    proposal = Party(played).propose()
    assert Party(played).judge(proposal) == digests(proposal)


@pytest.mark.parametrize("is_group", [True, False])
def test_who_has_more_than_the_proposer_had_says_nothing(
    played: MaskedRoundOf, is_group: bool
) -> None:
    proposer, attester = Party(played), Party(played)
    if is_group:
        proposer.hide_reveals(0)
    else:
        proposer.hide_update(0, 3)
    assert attester.judge(proposer.propose()) is None
    assert ("silent", SILENT) in attester.told


@pytest.mark.parametrize("is_group", [True, False])
def test_who_has_less_than_the_proposer_had_says_nothing(
    played: MaskedRoundOf, is_group: bool
) -> None:
    proposer, attester = Party(played), Party(played)
    if is_group:
        attester.hide_reveals(0)
    else:
        attester.hide_update(0, 3)
    proposal = proposer.propose()
    assert attester.judge(proposal) is None  # it may still come
    attester.examination.give_up_on(attester.examination.missing())
    assert attester.judge(proposal) is None
    assert ("silent", SILENT) in attester.told


@pytest.mark.parametrize("is_group", [True, False])
def test_who_lacks_the_same_agrees(played: MaskedRoundOf, is_group: bool) -> None:
    proposer, attester = Party(played), Party(played)
    for party in (proposer, attester):
        if is_group:
            party.hide_reveals(0)
        else:
            party.hide_update(0, 3)
    proposal = proposer.propose()
    assert attester.judge(proposal) == digests(proposal)


def test_one_lacks_an_update_and_the_other_the_seeds_of_its_group(played: MaskedRoundOf) -> None:
    for who in (0, 1):
        proposer, attester = Party(played), Party(played)
        parties = (proposer, attester) if who else (attester, proposer)
        parties[0].hide_reveals(0)
        parties[1].hide_update(0, 3)
        proposal = proposer.propose()
        attester.examination.look()
        attester.examination.give_up_on(attester.examination.missing())
        assert attester.judge(proposal) is None
        assert ("silent", SILENT) in attester.told


def test_a_claim_does_not_hide_another_lie(played: MaskedRoundOf) -> None:
    proposer, attester = Party(played), Party(played)
    proposer.hide_reveals(0)
    honest = proposer.propose()
    played.values[:] = 0
    other = MaskedRoundOf(played.manifest, 12)
    other.play()
    wrong = other.derive()
    proposal = ModelProposed(
        *(NUMBER, honest.proposer, wrong.model_digest, proposer.put(wrong.model).digest),
        *(honest.report_digest, honest.report_cid_digest, 99),
    )
    judged = attester.judge(proposal)
    assert judged is not None
    assert judged != digests(proposal)
    assert judged[0] == played.derive().model_digest


def test_what_a_report_includes_is_added_up_without_what_it_leaves_out(
    played: MaskedRoundOf,
) -> None:
    party, whole = Party(played), played.begin()
    party.hide_reveals(1)
    proposal = party.propose()
    statuses = decode_report(played.blobs[proposal.report_cid_digest]).statuses
    party.hidden.clear()
    played.add_all(whole)
    reported = gather_reported(played.begin(), statuses, party)
    assert reported.weight < whole.partial().gathered.weight
    base = make_base(played.manifest)
    values = step_round(played.manifest, NUMBER, base, reported)
    model = decode_blob(played.blobs[proposal.model_cid_digest])[1]
    assert values.tolist() == model.tolist()


def test_what_a_report_includes_and_cannot_be_had_is_an_error_or_nothing(
    played: MaskedRoundOf,
) -> None:
    party = Party(played)
    party.hide_reveals(0)
    with pytest.raises(BlobUnavailable):
        gather_reported(played.begin(), bytes(12), party)
    gone = played.groups[0].members
    kept = [record for record in played.history.unmaskings if record.participant not in gone]
    played.history.unmaskings = kept
    reported = gather_reported(played.begin(), bytes(12), party)
    assert reported.weight == sum(group.total_weight for group in played.groups[1:])
