// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature, TypedData} from "./TypedData.sol";

/// @notice What an auditor says about a task, up to one of its records.
struct Audit {
    /// The RoundLedger of the task.
    address ledger;
    /// How many records of the ledger's history it is about, and the history hash after them.
    uint32 numRecords;
    bytes32 historyHash;
    /// 1 PASS, 2 FAIL, 3 UNDECIDABLE.
    uint8 verdict;
    /// Digest, and digest inside the CID, of the document with all findings.
    bytes32 findingsDigest;
    bytes32 findingsCidDigest;
}

/// @title What an auditor signs (EIP-712)
/// @notice The domain is that of the ledger, so that a signature is worth the same in a file and on chain,
/// whichever register it is shown to.
library Audits {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("fl_chain");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant MESSAGE_TYPE = keccak256(
        "Audit(address ledger,uint32 numRecords,bytes32 historyHash,uint8 verdict,bytes32 findingsDigest,"
        "bytes32 findingsCidDigest)"
    );

    /// @return the EIP-712 hash of an audit
    function messageOf(Audit calldata audit) internal pure returns (bytes32) {
        return keccak256(abi.encode(MESSAGE_TYPE, audit));
    }

    /// @return the address that signed an audit, with the message `message`; 0 if none did
    function signerOf(address ledger, bytes32 message, Signature calldata signature)
        internal
        view
        returns (address)
    {
        // The domain of another contract than this one, which TypedData has no use for.
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, ledger));
        return TypedData.signerIn(domain, message, signature);
    }
}
