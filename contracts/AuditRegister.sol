// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditRegister} from "./interfaces/IAuditRegister.sol";
import {Audit, Audits} from "./libraries/Audits.sol";
import {History} from "./libraries/History.sol";
import {Signature} from "./libraries/TypedData.sol";

/// @title Audits on record; the manual is IAuditRegister
contract AuditRegister is IAuditRegister {
    uint8 private constant LAST_VERDICT = 3;

    bytes32 public historyHash;

    mapping(address auditor => mapping(bytes32 message => bool)) public isRecorded;

    constructor() {
        historyHash = History.start();
        _record(0, abi.encode(RegisterCreated.selector, _now()));
    }

    function recordAudit(address auditor, Audit calldata audit, Signature calldata signature) external {
        if (audit.verdict == 0 || audit.verdict > LAST_VERDICT) revert UnknownVerdict(audit.verdict);
        if (
            audit.numRecords == 0 || audit.historyHash == 0 || audit.findingsDigest == 0
                || audit.findingsCidDigest == 0
        ) {
            revert IncompleteAudit();
        }
        bytes32 message = Audits.messageOf(audit);
        // INVARIANT P-190: what is on record was signed by its auditor, for this ledger on this chain.
        if (auditor == address(0) || Audits.signerOf(audit.ledger, message, signature) != auditor) {
            revert NotSigned(auditor);
        }
        // INVARIANT P-191: an audit is on record once.
        if (isRecorded[auditor][message]) revert AlreadyRecorded(auditor, message);
        isRecorded[auditor][message] = true;
        _record(
            2,
            abi.encode(
                AuditRecorded.selector,
                audit.ledger,
                auditor,
                audit.numRecords,
                audit.historyHash,
                audit.verdict,
                audit.findingsDigest,
                audit.findingsCidDigest,
                _now()
            )
        );
    }

    function _record(uint256 numIndexed, bytes memory record) private {
        historyHash = History.append(historyHash, History.emitRecord(numIndexed, record));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}
