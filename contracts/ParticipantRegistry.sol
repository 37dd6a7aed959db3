// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {History} from "./libraries/History.sol";
import {Successions} from "./libraries/Successions.sol";
import {Signature} from "./libraries/TypedData.sol";

/// @title Who may take part, and under which key; the manual is IParticipantRegistry
contract ParticipantRegistry is IParticipantRegistry {
    struct Enrolment {
        uint40 enrolledAt;
        uint40 revokedAt;
        /// In wei; of who is no longer enrolled, what it can claim leaveSeconds after `revokedAt`.
        uint96 bond;
    }

    address public immutable registrar;
    uint96 public immutable enrolmentBond;
    uint32 public immutable leaveSeconds;
    bytes32 public historyHash;

    mapping(address participant => Enrolment) private _enrolments;
    mapping(address participant => address) public successorOf;
    mapping(address participant => address) public predecessorOf;
    mapping(address participant => address) private _origins;
    mapping(address participant => bytes32) public encryptionKeyOf;

    constructor(uint96 enrolmentBond_, uint32 leaveSeconds_) {
        registrar = msg.sender;
        enrolmentBond = enrolmentBond_;
        leaveSeconds = leaveSeconds_;
        historyHash = History.start();
        uint40 timestamp = _now();
        _record(
            1, abi.encode(RegistryCreated.selector, msg.sender, enrolmentBond_, leaveSeconds_, timestamp)
        );
    }

    function enrol(address[] calldata participants) external {
        _requireRegistrar();
        bytes32 history = historyHash;
        uint40 timestamp = _now();
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            if (participant == address(0)) revert ZeroAddress();
            _requireNew(participant);
            _enrolments[participant].enrolledAt = timestamp;
            bytes memory record = abi.encode(ParticipantEnrolled.selector, participant, timestamp);
            history = History.append(history, History.emitRecord(1, record));
        }
        historyHash = history;
    }

    function revoke(address[] calldata participants) external {
        _requireRegistrar();
        bytes32 history = historyHash;
        uint40 timestamp = _now();
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            Enrolment memory entry = _enrolments[participant];
            // INVARIANT P-150: who leaves can lose its bond as long as it is locked, and no longer.
            bool isLocked = entry.bond != 0 && timestamp < _claimableAt(entry);
            if (!_isEnrolled(entry) && !isLocked) revert NotEnrolled(participant);
            if (entry.revokedAt == 0) entry.revokedAt = timestamp;
            // It stays here for good: a registrar that got it would revoke for money.
            entry.bond = 0;
            _enrolments[participant] = entry;
            bytes memory record = abi.encode(ParticipantRevoked.selector, participant, timestamp);
            history = History.append(history, History.emitRecord(1, record));
        }
        historyHash = history;
    }

    function enrolWithBond() external payable {
        // INVARIANT P-149: nobody enrols itself without the exact bond, nor where there is none.
        if (enrolmentBond == 0) revert EnrolmentClosed();
        if (msg.value != enrolmentBond) revert UnexpectedDeposit(msg.value, enrolmentBond);
        _requireNew(msg.sender);
        uint40 timestamp = _now();
        _enrolments[msg.sender] = Enrolment(timestamp, 0, enrolmentBond);
        _record(1, abi.encode(ParticipantBonded.selector, msg.sender, enrolmentBond, timestamp));
    }

    function leaveRegistry() external {
        _requireEnrolled(msg.sender);
        uint40 timestamp = _now();
        _enrolments[msg.sender].revokedAt = timestamp;
        _record(1, abi.encode(ParticipantLeft.selector, msg.sender, timestamp));
    }

    function claimBond() external {
        Enrolment memory entry = _enrolments[msg.sender];
        if (entry.bond == 0) revert NothingToPay(msg.sender);
        uint256 from = _isEnrolled(entry) ? type(uint256).max : _claimableAt(entry);
        // INVARIANT P-151: a bond is paid leaveSeconds after the end of an enrolment, and not before.
        if (block.timestamp < from) revert BondLocked(from);
        // INVARIANT P-152: the books are closed before money leaves, so a bond cannot be claimed twice.
        _enrolments[msg.sender].bond = 0;
        uint40 timestamp = _now();
        _record(1, abi.encode(EnrolmentBondClaimed.selector, msg.sender, entry.bond, timestamp));
        (bool isPaid,) = msg.sender.call{value: entry.bond}("");
        if (!isPaid) revert PayoutRefused(msg.sender);
    }

    function rotate(address participant, address successor, Signature calldata acceptance) external {
        // INVARIANT P-153: a key is replaced by its holder, or by the registrar, and by nobody else.
        if (msg.sender != participant && msg.sender != registrar) revert NotParticipant(msg.sender, participant);
        _requireEnrolled(participant);
        if (successor == address(0)) revert ZeroAddress();
        _requireNew(successor);
        // INVARIANT P-154: nobody becomes a successor that did not sign for just this, here.
        if (!Successions.isAccepted(participant, successor, acceptance)) {
            revert NotAccepted(participant, successor);
        }
        uint40 timestamp = _now();
        uint96 amount;
        // INVARIANT P-155: a registrar that moved bonds to keys of its choice could take them.
        if (msg.sender == participant) {
            amount = _enrolments[participant].bond;
            _enrolments[participant].bond = 0;
        }
        _enrolments[participant].revokedAt = timestamp;
        _enrolments[successor] = Enrolment(timestamp, 0, amount);
        _origins[successor] = originOf(participant);
        successorOf[participant] = successor;
        predecessorOf[successor] = participant;
        _record(2, abi.encode(ParticipantRotated.selector, participant, successor, amount, timestamp));
    }

    function setEncryptionKey(bytes32 key) external {
        // INVARIANT P-156: only who is enrolled names an encryption key, and only its own.
        _requireEnrolled(msg.sender);
        if (key == 0) revert ZeroKey();
        encryptionKeyOf[msg.sender] = key;
        uint40 timestamp = _now();
        _record(1, abi.encode(EncryptionKeySet.selector, msg.sender, key, timestamp));
    }

    function isEnrolled(address participant) public view returns (bool) {
        return _isEnrolled(_enrolments[participant]);
    }

    function enrolment(address participant) external view returns (uint40 enrolledAt, uint40 revokedAt) {
        Enrolment memory entry = _enrolments[participant];
        return (entry.enrolledAt, entry.revokedAt);
    }

    function bondOf(address participant) external view returns (uint96) {
        return _enrolments[participant].bond;
    }

    function originOf(address participant) public view returns (address) {
        address origin = _origins[participant];
        return origin == address(0) ? participant : origin;
    }

    function _requireRegistrar() private view {
        // INVARIANT P-01: only the registrar enrols others and revokes.
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
    }

    function _requireNew(address participant) private view {
        uint40 enrolledAt = _enrolments[participant].enrolledAt;
        // INVARIANT P-02: an enrolment is never overwritten, a revoked address never returns.
        if (enrolledAt != 0) revert AlreadyEnrolled(participant, enrolledAt);
    }

    function _requireEnrolled(address participant) private view {
        if (!isEnrolled(participant)) revert NotEnrolled(participant);
    }

    function _isEnrolled(Enrolment memory entry) private pure returns (bool) {
        return entry.enrolledAt != 0 && entry.revokedAt == 0;
    }

    /// From when the bond of who is no longer enrolled can be claimed.
    function _claimableAt(Enrolment memory entry) private view returns (uint256) {
        return uint256(entry.revokedAt) + leaveSeconds;
    }

    /// Emits an event and appends it to the history; see libraries/History.sol.
    function _record(uint256 numIndexed, bytes memory record) private {
        historyHash = History.append(historyHash, History.emitRecord(numIndexed, record));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}
