// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/TypedData.sol";

/// @title Who may take part, since when, until when, and under which key
/// @notice One registry may serve any number of tasks.
///
/// There are two ways in. The registrar enrols addresses. If the registry has an enrolment bond, anybody
/// enrols itself by depositing it. A participant is known by its address, which is the key that it signs
/// transactions with. It may replace that key by another one, its successor; the keys of one participant,
/// each the successor of the one before, are its line.
///
/// Guarantees
///  - Append-only: an enrolment, a revocation or a rotation is never undone or altered. An address that was
///    revoked, left or was rotated away is never enrolled again.
///  - Nobody becomes a successor without having signed that it wants to be that participant's.
///  - A key has at most one predecessor and one successor, so lines neither branch nor join.
///  - An enrolment bond is paid out only to the participant that deposited it, or to the key that this
///    participant itself put in its place.
///  - `historyHash` covers every event, in order (see libraries/History.sol).
///
/// Assumptions
///  - Correctness: the registrar knows who stands behind each address that it enrols or rotates. The chain
///    cannot check that. Behind a bond stands nobody in particular, only money.
///  - Liveness: none. Without the registrar nobody is added without a bond, and nothing else stops.
///
/// Powers
///  - The registrar can enrol, revoke, and put another key in the place of one that was lost. That key may
///    be its own: then it acts as that participant from then on, and the rotation on record says so. It can
///    not rewrite, re-enrol a revoked address, or sign with a key that is not its own. It can make somebody
///    lose a bond, never take it: the bond of whom it revokes stays in the contract for good, and a bond
///    does not move with a rotation that the registrar sent.
///  - A participant can leave, rotate its own key, and name an encryption key.
interface IParticipantRegistry {
    /// @param registrar the only address that enrols others and revokes
    /// @param enrolmentBond what anybody deposits to enrol itself, in wei; 0 if nobody can
    /// @param leaveSeconds time between leaving and claiming a bond
    /// @param timestamp block time in seconds
    event RegistryCreated(address indexed registrar, uint96 enrolmentBond, uint32 leaveSeconds, uint40 timestamp);

    /// @param participant the address that may be admitted to tasks from now on
    /// @param timestamp block time in seconds
    event ParticipantEnrolled(address indexed participant, uint40 timestamp);

    /// @param participant the address that may no longer be admitted, and has no bond any more
    /// @param timestamp block time in seconds
    event ParticipantRevoked(address indexed participant, uint40 timestamp);

    /// @param participant the address that enrolled itself
    /// @param amount what it deposited, in wei
    /// @param timestamp block time in seconds
    event ParticipantBonded(address indexed participant, uint96 amount, uint40 timestamp);

    /// @param participant the address that may no longer be admitted, by its own wish
    /// @param timestamp block time in seconds
    event ParticipantLeft(address indexed participant, uint40 timestamp);

    /// @param participant the address that was paid
    /// @param amount in wei
    /// @param timestamp block time in seconds
    event EnrolmentBondClaimed(address indexed participant, uint96 amount, uint40 timestamp);

    /// @param participant the address that may no longer be admitted
    /// @param successor the address that stands for the same participant from now on
    /// @param amount the bond that moved along, in wei
    /// @param timestamp block time in seconds
    event ParticipantRotated(
        address indexed participant, address indexed successor, uint96 amount, uint40 timestamp
    );

    /// @param participant the address whose key it is
    /// @param key an X25519 public key
    /// @param timestamp block time in seconds
    event EncryptionKeySet(address indexed participant, bytes32 key, uint40 timestamp);

    error NotRegistrar(address sender, address registrar);
    error ZeroAddress();
    error AlreadyEnrolled(address participant, uint40 enrolledAt);
    error NotEnrolled(address participant);
    error EnrolmentClosed();
    error UnexpectedDeposit(uint256 value, uint96 bond);
    error BondLocked(uint256 until);
    error NothingToPay(address account);
    error PayoutRefused(address account);
    error NotParticipant(address sender, address participant);
    error NotAccepted(address participant, address successor);
    error ZeroKey();

    /// @notice Enrols addresses. Registrar only. All or none.
    function enrol(address[] calldata participants) external;

    /// @notice Revokes addresses for good, and with them their bonds; also of one that has left, as long as
    /// its bond is locked. Registrar only. All or none.
    function revoke(address[] calldata participants) external;

    /// @notice Enrols the sender, who sends exactly enrolmentBond along. Anybody, if there is such a bond.
    function enrolWithBond() external payable;

    /// @notice Ends the sender's own enrolment for good.
    function leaveRegistry() external;

    /// @notice Pays the sender its bond, leaveSeconds after it left, or after the registrar rotated it.
    function claimBond() external;

    /// @notice Puts a successor in the place of an enrolled participant. The participant itself, whose bond
    /// moves along, or the registrar, then the bond stays and the old key can claim it after leaveSeconds.
    /// @param participant an enrolled address
    /// @param successor an address that was never enrolled
    /// @param acceptance the successor's signature of the EIP-712 message Succession(address participant,
    /// address successor) in the domain ("fl_chain", "1", chain id, this contract)
    function rotate(address participant, address successor, Signature calldata acceptance) external;

    /// @notice Names the key with which others encrypt to the sender. Enrolled participants; a later key
    /// takes the place of an earlier one.
    /// @param key an X25519 public key, not zero
    function setEncryptionKey(bytes32 key) external;

    /// @return whether the participant is enrolled and not revoked, did not leave and was not rotated
    function isEnrolled(address participant) external view returns (bool);

    /// @return enrolledAt block time of the enrolment, 0 if there was none
    /// @return revokedAt block time of its end, 0 if there was none
    function enrolment(address participant) external view returns (uint40 enrolledAt, uint40 revokedAt);

    /// @return the deposit that an address has here, in wei
    function bondOf(address participant) external view returns (uint96);

    /// @return the key that took the participant's place, 0 if none did
    function successorOf(address participant) external view returns (address);

    /// @return the key whose place the participant took, 0 if it took none
    function predecessorOf(address participant) external view returns (address);

    /// @return the first key of the participant's line: itself, unless it took another one's place
    function originOf(address participant) external view returns (address);

    /// @return the last key that the participant set, 0 if it set none
    function encryptionKeyOf(address participant) external view returns (bytes32);

    function registrar() external view returns (address);

    function enrolmentBond() external view returns (uint96);

    function leaveSeconds() external view returns (uint32);

    function historyHash() external view returns (bytes32);
}
