// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may take part, since when, and until when
/// @notice One registry may serve any number of tasks.
///
/// Guarantees
///  - Append-only: an enrolment or a revocation is never undone or altered. A participant that
///    comes back does so with a new key.
///  - `historyHash` covers every event, in order (see libraries/History.sol).
///
/// Assumptions
///  - Correctness: the registrar knows who stands behind each address. The chain cannot check that.
///  - Liveness: none. Without the registrar nobody is added, and nothing else stops.
///
/// Powers
///  - The registrar can enrol and revoke. It can not rewrite, re-enrol a revoked address, or act
///    for a participant.
interface IParticipantRegistry {
    /// @param registrar the only address that enrols and revokes
    /// @param timestamp block time in seconds
    event RegistryCreated(address indexed registrar, uint40 timestamp);

    /// @param participant the address that may be admitted to tasks from now on
    /// @param timestamp block time in seconds
    event ParticipantEnrolled(address indexed participant, uint40 timestamp);

    /// @param participant the address that may no longer be admitted
    /// @param timestamp block time in seconds
    event ParticipantRevoked(address indexed participant, uint40 timestamp);

    error NotRegistrar(address sender, address registrar);
    error ZeroAddress();
    error AlreadyEnrolled(address participant, uint40 enrolledAt);
    error NotEnrolled(address participant);

    /// @notice Enrols addresses. All or none.
    function enrol(address[] calldata participants) external;

    /// @notice Revokes addresses for good. All or none.
    function revoke(address[] calldata participants) external;

    /// @return whether the participant is enrolled and not revoked
    function isEnrolled(address participant) external view returns (bool);

    /// @return enrolledAt block time of the enrolment, 0 if there was none
    /// @return revokedAt block time of the revocation, 0 if there was none
    function enrolment(address participant) external view returns (uint40 enrolledAt, uint40 revokedAt);

    function registrar() external view returns (address);

    function historyHash() external view returns (bytes32);
}
