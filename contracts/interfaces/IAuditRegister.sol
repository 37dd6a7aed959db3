// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Audit} from "../libraries/Audits.sol";
import {Signature} from "../libraries/TypedData.sol";

/// @title Audits on record: who found what about which task, and when
/// @notice Guarantees
///   - What is on record was signed by its auditor, for just this ledger on just this chain.
///   - It is never changed or taken away, and is there once.
///   - The history hash proves that a list of records is complete, unaltered and in order.
/// Assumptions for correctness: none about anybody; ecrecover and keccak256.
/// Assumptions for liveness: somebody pays for the transaction; it need not be the auditor.
/// Powers: nobody has any. Anybody may record an audit of anything under its own key, also a false one:
/// what an audit is worth is what its auditor's word is worth. Who wants to know derives the task again.
/// What it can not do: it does not look at the ledger. That an audit is about the history that the ledger
/// has is for readers to compare (docs/spec.md).
interface IAuditRegister {
    /// @notice The register was deployed.
    event RegisterCreated(uint40 timestamp);

    /// @notice An auditor's verdict was recorded.
    event AuditRecorded(
        address indexed ledger,
        address indexed auditor,
        uint32 numRecords,
        bytes32 historyHash,
        uint8 verdict,
        bytes32 findingsDigest,
        bytes32 findingsCidDigest,
        uint40 timestamp
    );

    /// @notice The signature is not the auditor's, or not of this audit on this chain.
    error NotSigned(address auditor);
    /// @notice This very audit is on record.
    error AlreadyRecorded(address auditor, bytes32 message);
    /// @notice A verdict is 1, 2 or 3.
    error UnknownVerdict(uint8 verdict);
    /// @notice An audit names records, their history hash, and the document with its findings.
    error IncompleteAudit();

    /// @notice Records what an auditor signed. Anybody may hand it in.
    /// @param auditor who signed
    /// @param audit what it signed
    /// @param signature in the domain ("fl_chain", "1", chain id, audit.ledger), of the EIP-712 message
    /// Audit(address ledger, uint32 numRecords, bytes32 historyHash, uint8 verdict, bytes32 findingsDigest,
    /// bytes32 findingsCidDigest)
    function recordAudit(address auditor, Audit calldata audit, Signature calldata signature) external;

    /// @return whether an audit, by the EIP-712 hash of its message, is on record
    function isRecorded(address auditor, bytes32 message) external view returns (bool);

    function historyHash() external view returns (bytes32);
}
