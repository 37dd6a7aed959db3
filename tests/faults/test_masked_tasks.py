"""What comes with a task whose updates are masked: evidence, and what nobody can tell of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fl_chain.aggregation.masked_groups import list_groups
from fl_chain.chain.ethereum import Deployer
from fl_chain.errors import UsageError
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles.contributions import list_contributions
from fl_chain.roles.coordinator import create_task
from fl_chain.roles.evidence_export import export_evidence
from fl_chain.roles.evidence_verify import verify_bundle
from fl_chain.roles.journal import Journal
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.participant import ParticipantRole
from fl_chain.roles.replay_training import replay_training
from fl_chain.roles.task_blobs import list_blobs
from fl_chain.roles.task_file import parse_task
from fl_chain.roles.task_history import TaskHistory
from fl_chain.roles.update_norms import measure_norms
from tests.faults.test_roles import Steady
from tests.masked import MaskedRound
from tests.world import World, assert_passes, problems


@pytest.fixture(scope="module")
def masked(world: World, tmp_path_factory: pytest.TempPathFactory) -> MaskedRound:
    """A finished round of which one member has not entered, and one has told nothing."""
    made = MaskedRound(world, tmp_path_factory.mktemp("journals"))
    made.share()
    made.enter(0, 1, 2, 4)
    made.tell(0, 1, 2, 4)
    made.federation.aggregate()
    return made


@pytest.fixture
def history(masked: MaskedRound) -> TaskHistory:
    world = masked.world
    return masked.federation.history(ManifestShelf(world.store, world.connection.chain_id))


def test_bundles_and_reveals_are_blobs_of_the_task(
    masked: MaskedRound, history: TaskHistory
) -> None:
    federation = masked.federation
    (group,) = list_groups(federation.manifest, federation.task.rounds[1])
    wanted = {(blob.kind, blob.cid, blob.participant) for blob in group.list_blobs()}
    found = {(blob.kind, blob.cid, blob.recorded_by) for blob in list_blobs(history)}
    assert wanted <= found
    kinds = [blob.kind for blob in list_blobs(history)]
    assert kinds.count("shares") >= 4
    assert kinds.count("reveal") == 4


def test_a_bundle_of_evidence_has_all_that_an_audit_takes(
    masked: MaskedRound, history: TaskHistory, tmp_path: Path
) -> None:
    path = tmp_path / "evidence.tar"
    assert export_evidence(history, masked.world.store, path).missing == ()
    assert_passes(masked.federation.audit(), 1)
    verified = verify_bundle(path).findings
    assert problems(verified) == []
    online = {f.detail for f in masked.federation.audit() if f.check == "update_blob"}
    assert {f.detail for f in verified if f.check == "update_blob"} == online
    assert online == {
        "4 masked updates fetched; the sum of 1 group comes out;"
        " no single update is known, nor whether it is in range"
    }


def test_nobody_can_tell_what_a_masked_update_contributed(
    masked: MaskedRound, history: TaskHistory
) -> None:
    evaluator = cast(Any, SimpleNamespace(follower=masked.federation.follower))
    with pytest.raises(UsageError, match="masked"):
        list(list_contributions(history, masked.world.store, evaluator, 1))


def test_nobody_can_tell_how_long_a_masked_update_is(
    masked: MaskedRound, history: TaskHistory
) -> None:
    assert list(measure_norms(history, masked.world.store)) == []


def test_training_again_cannot_be_compared_with_a_masked_update(masked: MaskedRound) -> None:
    follower, store = masked.federation.follower, masked.world.store
    with pytest.raises(UsageError, match="masked"):
        list(replay_training(follower, store, cast(Any, None), masked[0].address))


def test_nothing_on_a_participants_disk_tells_whether_a_guess_of_its_update_is_right(
    world: World, tmp_path: Path
) -> None:
    made = MaskedRound(world, tmp_path, 3)
    made.open()
    federation, journal = made.federation, Journal(tmp_path / "journal", bytes(32))
    role = ParticipantRole(
        federation.ledger(federation.participants[0]),
        federation.store,
        Steady(federation),
        journal,
        keys=federation.ring(federation.address_of(0)),
        patience_seconds=5,
    )
    while not federation.task.rounds[1].commitments:
        role.step()
    task, bases = federation.manifest.task_id, [federation.task.base_digest.hex()]
    entry = journal.read_update(task, 1, bases)
    assert entry is not None
    digest = compute_digest(entry.pinned)
    files = [path.read_bytes() for path in (tmp_path / "journal").iterdir()]
    told = [entry.pinned[:64], digest, digest.hex().encode()]
    assert not any(secret in data for secret in told for data in files)
    assert (tmp_path / "journal").stat().st_mode & 0o77 == 0


def test_nobody_trains_for_a_group_that_is_too_small(world: World, tmp_path: Path) -> None:
    made = MaskedRound(world, tmp_path, 2, privacy={"group_size": 3}, target_updates=3)
    made.open()
    federation, told = made.federation, list[tuple[str, dict[str, Any]]]()
    never_asked = cast(Any, None)
    role = ParticipantRole(
        federation.ledger(federation.participants[0]),
        federation.store,
        never_asked,
        Journal(tmp_path / "journal", bytes(32)),
        keys=federation.ring(federation.address_of(0)),
        progress=lambda event, values: told.append((event, values)),
        patience_seconds=5,
    )
    while not told:
        role.step()
    reason = "its group is too small to hide anybody"
    assert told == [("missed", {"round": 1, "reason": reason})]


@pytest.mark.parametrize("mode", ["open", "sealed", "masked"])
def test_whoever_creates_a_masked_task_is_told_that_participants_name_keys(
    world: World, mode: str
) -> None:
    description = {
        "participants": [str(world.account(number).address).lower() for number in range(1, 4)],
        "privacy": {"mode": mode, **({"group_size": 3} if mode == "masked" else {})},
        "recipe": {"model": "digits_mlp", "data": "digits"},
    }
    told: dict[str, Any] = {}
    deployer = Deployer(world.connection, world.account(0))
    create_task(parse_task(description), deployer, world.store, told.__setitem__)
    assert ("participants_name_keys" in told) == (mode == "masked")
    assert ("readers" in told) == (mode == "sealed")
