// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "./ILedgerTypes.sol";

/// @title Masked updates, and the seeds that take the masks off their sum, in tasks with unmaskSeconds
/// @notice A participant commits to its share bundle by commitUpdate, with the SHA-256 in the bundle's CID in the
/// place of a commitment; submits its masked update; and once collection is over tells the seeds that the sum of its
/// group needs (docs/masks-and-noise.md). The ledger looks at none of what these records are about.
interface IMasks is ILedgerTypes {
    /// @notice Records the sender's masked update of the current round, as revealUpdate does an open one, and before
    /// it with whom the sender has not masked. Whoever has a share bundle on record.
    /// @param digest digest of the masked update's blob, not zero
    /// @param cidDigest SHA-256 in the CID of that blob, not zero
    /// @param weight aggregation weight, 1 to maxWeight, which is in the masked values already
    /// @param apart bit i for position i of the sender's group, if it is apart for the sender; 0 if nobody is
    function submitMasked(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight, uint128 apart) external;

    /// @notice Records what the sender tells of the seeds of its group, while the current round is UNMASKING. Whoever
    /// has an update of it on record, under the very key; once. With the last of them the turns begin.
    /// @param cidDigest SHA-256 in the CID of the reveal, not zero
    function unmask(uint32 round, bytes32 cidDigest) external;
}
