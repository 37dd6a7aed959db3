"""Finds aggregators that signed two results for one round, for the contract to take their bonds."""

from __future__ import annotations

from pathlib import Path

from fl_chain.errors import UsageError
from fl_chain.protocol.actions import Attest, ProveEquivocation
from fl_chain.protocol.attestation import Attestation, compute_result, compute_signing_hash
from fl_chain.protocol.committee import FOR_GOOD
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.signers import recover_signer
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.progress import Progress
from fl_chain.roles.statements import read_statement


class Inbox:
    """The attestations that somebody received, and what contradicts what among them.

    Parameters
    ----------
    follower
        The task that they are about.
    directory
        Where attestations arrive as ``*.json``; None if nowhere.
    progress
        Told about files that are no attestations.
    """

    def __init__(self, follower: TaskFollower, directory: Path | None, progress: Progress) -> None:
        self._follower = follower
        self._directory = directory
        self._progress = progress
        self._read: set[Path] = set()
        self._received: list[tuple[str, Attestation]] = []

    def look(self) -> None:
        """Read the files that are new."""
        if self._directory is None:
            return
        for path in sorted(set(self._directory.glob("*.json")) - self._read):
            self._read.add(path)
            try:
                self.add(read_statement(path))
            except UsageError as error:
                self._progress("ignored", {"reason": error.message})

    def add(self, attestation: Attestation) -> None:
        """Take an attestation in.

        Raises
        ------
        UsageError
            No aggregator of the task signed it.
        """
        result = result_of(attestation)
        ledger = self._follower.ledger
        signing_hash = compute_signing_hash(ledger.chain_id, ledger.address, result)
        signer = recover_signer(signing_hash, attestation.signature)
        if signer not in self._follower.task.committee.members:
            raise UsageError("an attestation is of no aggregator of this task")
        self._received.append((signer, attestation))

    def find_equivocation(self) -> Attest | ProveEquivocation | None:
        """Return what shows that an aggregator said two things; None if nothing does.

        One attestation is enough against what the ledger has recorded for the current round, as
        long as its model is not final; two are enough for ever.
        """
        task = self._follower.task
        is_standing = self._follower.phase in (Phase.PROPOSED, Phase.CHALLENGED)
        for index, (signer, one) in enumerate(self._received):
            member = task.committee.member(signer)
            if member.barred_in == FOR_GOOD:
                continue
            is_current = is_standing and one.round == task.current.round == member.attested_in
            if is_current and result_of(one) != member.result:
                digests = one.model_digest, one.report_digest
                return Attest(one.round, *digests, (one.signature,))
            for other_signer, other in self._received[:index]:
                is_same = (other_signer, other.round) == (signer, one.round)
                if is_same and result_of(one) != result_of(other):
                    return ProveEquivocation(one, other)
        return None


def result_of(attestation: Attestation) -> bytes:
    """Return the result that an attestation is to."""
    return compute_result(attestation.round, attestation.model_digest, attestation.report_digest)
