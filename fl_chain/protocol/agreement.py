"""What the contract of a manifest holds, and whether a contract was created for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from fl_chain.errors import InvalidManifest
from fl_chain.protocol.blob import compute_header_bytes, count_values
from fl_chain.protocol.constants import CHUNK_BYTES, NO_VALUES
from fl_chain.protocol.manifest import WEI_PER_GWEI, Manifest
from fl_chain.protocol.records import TaskParameters

GIVEN: Final = (
    *("registry", "disputes", "manifest_digest", "manifest_cid_digest"),
    *("genesis_digest", "genesis_cid_digest"),
)
"""Parameters that follow from no manifest."""


def compute_parameters(manifest: Manifest, **given: Any) -> TaskParameters:
    """Return the parameters that the contract of a manifest has.

    Parameters
    ----------
    manifest
        The task.
    given
        The fields of :class:`TaskParameters` that no manifest can hold: the registry, the code for
        disputes, and digest and CID digest of the manifest and of the genesis model.
    """
    committee, encoding = manifest.committee, manifest.encoding
    return TaskParameters(
        **given,
        **asdict(manifest.rounds),
        quorum=committee.quorum,
        bond=committee.bond_gwei * WEI_PER_GWEI,
        header_chunks=compute_header_bytes(manifest.model_layout, manifest.measurements)
        // CHUNK_BYTES,
        num_values=count_values(manifest.layout),
        fraction_shift=encoding.model_fraction_bits - encoding.fraction_bits
        if manifest.has_values
        else NO_VALUES,
        is_open=manifest.admission == "open",
        reward=manifest.reward.round_gwei * WEI_PER_GWEI,
        privacy_cost=manifest.privacy.cost,
        privacy_budget=manifest.privacy.budget,
    )


def check_agreement(
    manifest: Manifest, parameters: TaskParameters, aggregators: Sequence[str], chain_id: int
) -> None:
    """Check that a contract was created for a manifest.

    Parameters
    ----------
    manifest
        The task as pinned.
    parameters, aggregators, chain_id
        The task as on record; aggregators in the order of their seats.

    Raises
    ------
    InvalidManifest
        They disagree; the message names the first field.
    """
    given = {name: getattr(parameters, name) for name in GIVEN}
    expected = compute_parameters(manifest, **given)
    for entry in fields(TaskParameters):
        if getattr(expected, entry.name) != getattr(parameters, entry.name):
            raise InvalidManifest(f"manifest and contract disagree about {entry.name}")
    if manifest.committee.aggregators != tuple(aggregators):
        raise InvalidManifest("manifest and contract disagree about the aggregators")
    if manifest.chain_id != chain_id:
        raise InvalidManifest(f"the task is for chain {manifest.chain_id}, not {chain_id}")
