// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {History} from "./libraries/History.sol";

/// @title Who may take part; the manual is IParticipantRegistry
contract ParticipantRegistry is IParticipantRegistry {
    struct Enrolment {
        uint40 enrolledAt;
        uint40 revokedAt;
    }

    address public immutable registrar;
    bytes32 public historyHash;

    mapping(address participant => Enrolment) private _enrolments;

    constructor() {
        registrar = msg.sender;
        uint40 timestamp = uint40(block.timestamp);
        bytes memory record = abi.encode(RegistryCreated.selector, msg.sender, timestamp);
        historyHash = History.append(History.start(), History.emitRecord(1, record));
    }

    function enrol(address[] calldata participants) external {
        _requireRegistrar();
        bytes32 history = historyHash;
        uint40 timestamp = uint40(block.timestamp);
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            if (participant == address(0)) revert ZeroAddress();
            uint40 enrolledAt = _enrolments[participant].enrolledAt;
            // INVARIANT P-02: an enrolment is never overwritten, a revoked address never returns.
            if (enrolledAt != 0) revert AlreadyEnrolled(participant, enrolledAt);
            _enrolments[participant].enrolledAt = timestamp;
            bytes memory record = abi.encode(ParticipantEnrolled.selector, participant, timestamp);
            history = History.append(history, History.emitRecord(1, record));
        }
        historyHash = history;
    }

    function revoke(address[] calldata participants) external {
        _requireRegistrar();
        bytes32 history = historyHash;
        uint40 timestamp = uint40(block.timestamp);
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            if (!isEnrolled(participant)) revert NotEnrolled(participant);
            _enrolments[participant].revokedAt = timestamp;
            bytes memory record = abi.encode(ParticipantRevoked.selector, participant, timestamp);
            history = History.append(history, History.emitRecord(1, record));
        }
        historyHash = history;
    }

    function isEnrolled(address participant) public view returns (bool) {
        Enrolment memory entry = _enrolments[participant];
        return entry.enrolledAt != 0 && entry.revokedAt == 0;
    }

    function enrolment(address participant) external view returns (uint40 enrolledAt, uint40 revokedAt) {
        Enrolment memory entry = _enrolments[participant];
        return (entry.enrolledAt, entry.revokedAt);
    }

    function _requireRegistrar() private view {
        // INVARIANT P-01: only the registrar enrols and revokes.
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
    }
}
