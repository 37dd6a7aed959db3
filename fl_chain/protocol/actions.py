"""Actions: what somebody asks of the contracts, one type per function that changes state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SubmitUpdate:
    """A participant records its update of the current round."""

    round: int
    digest: bytes
    cid_digest: bytes
    weight: int


@dataclass(frozen=True, slots=True)
class Propose:
    """The aggregator proposes the model of the current round."""

    round: int
    model_digest: bytes
    model_cid_digest: bytes
    report_digest: bytes
    report_cid_digest: bytes
    report_bytes: int


@dataclass(frozen=True, slots=True)
class Finalize:
    """Anybody makes the proposed model final after the challenge window."""

    round: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Anybody ends an expired round."""

    round: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The coordinator ends the task."""


@dataclass(frozen=True, slots=True)
class Admit:
    """The coordinator admits enrolled participants to the task."""

    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """Anybody removes a participant whom the registry has revoked."""

    participant: str


@dataclass(frozen=True, slots=True)
class Enrol:
    """The registrar enrols addresses in the registry."""

    participants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revoke:
    """The registrar revokes addresses for good."""

    participants: tuple[str, ...]


LedgerAction = SubmitUpdate | Propose | Finalize | Abort | Stop | Admit | Remove
RegistryAction = Enrol | Revoke
