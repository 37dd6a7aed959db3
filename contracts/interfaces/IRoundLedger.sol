// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Phase} from "../libraries/Phases.sol";

/// @title One federated training task: its rounds, updates and models
/// @notice Round 0 is the genesis model. Round r >= 1 starts from the model of its base round (the
/// last finalized one) and ends FINALIZED with a model of its own, or ABORTED without. The next
/// round opens in the same transaction.
///
///                    target reached, or deadline
///                    with at least minUpdates            propose               window passed, finalize
///       COLLECTING ------------------------> AGGREGATING --------> PROPOSED --------------------> FINALIZED
///            |                                    |
///            | deadline with fewer                | deadline
///            v                                    v
///          EXPIRED <------------------------------+
///            |  abort (anybody)                          stop (coordinator): any of these --> ABORTED
///            v
///          ABORTED
///
/// The phase is derived from stored data and the block time; no transaction is needed to pass a
/// deadline.
///
/// Guarantees
///  - Append-only: no update, model or round is ever altered or removed.
///  - `historyHash` covers every event in order (see libraries/History.sol), so a list of events is
///    either the whole truth or recognisably not.
///  - One update per participant and round, sent by the participant itself, in COLLECTING only.
///  - From every phase of an unfinished task somebody can always move on: submit or wait, propose or
///    wait, finalize, abort.
///  - The gas of an action does not depend on the number of rounds or participants.
///
/// Assumptions
///  - Correctness: none on the aggregator. A wrong model can be proposed and, after the challenge
///    window, finalized; whoever replays the round from chain and IPFS sees it (docs/spec.md).
///  - Liveness: at least `minUpdates` participants submit before the deadline, the aggregator
///    proposes before its own, and somebody pays for finalize or abort.
///
/// Powers
///  - Coordinator: admits enrolled participants; stops the task. It can not submit for others,
///    alter records, replace the aggregator, or change a parameter.
///  - Aggregator: proposes one model per round. It can not submit, omit or alter updates.
///  - Anybody: finalizes after the challenge window, aborts an expired round, removes a participant
///    that the registry has revoked.
interface IRoundLedger {
    /// @notice What a task fixes before anyone trains. Immutable.
    struct TaskParameters {
        /// The ParticipantRegistry that admissions refer to.
        address registry;
        /// The only address that may propose models.
        address aggregator;
        /// Digest of the canonical manifest (docs/spec.md).
        bytes32 manifestDigest;
        /// SHA-256 in the CID of the manifest.
        bytes32 manifestCidDigest;
        /// Digest of the genesis model's blob.
        bytes32 genesisDigest;
        /// SHA-256 in the CID of the genesis model's blob.
        bytes32 genesisCidDigest;
        /// Rounds to finalize before the task is complete; at least 1.
        uint32 numRounds;
        /// Fewer updates than this expire the round; at least 1.
        uint32 minUpdates;
        /// Collection closes at this many updates; at least minUpdates.
        uint32 targetUpdates;
        /// Largest weight of one update; at least 1.
        uint32 maxWeight;
        /// Time to submit, from the opening of the round, in seconds; at least 1.
        uint32 collectSeconds;
        /// Time to propose, from the end of the time to submit, in seconds; at least 1.
        uint32 aggregateSeconds;
        /// Time between proposal and finalization, in seconds; may be 0.
        uint32 challengeSeconds;
    }

    /// @notice The round in progress, or the last one of a finished task.
    struct CurrentRound {
        uint32 round;
        /// The finalized round whose model this round starts from.
        uint32 baseRound;
        uint32 numUpdates;
        /// Rounds finalized so far, genesis not counted.
        uint32 numFinalized;
        /// Block time in seconds.
        uint40 openedAt;
        /// Block time in seconds; 0 before a proposal.
        uint40 proposedAt;
        bool isStopped;
    }

    /// @notice A participant's standing and its last update.
    struct Participant {
        bool isAdmitted;
        /// Round of its last update, 0 before the first.
        uint32 lastRound;
        /// Position of that update among the updates of its round, from 0.
        uint32 lastSequence;
        /// First 23 bytes of that update's record hash: proves the record in one storage read.
        bytes23 lastRecord;
    }

    event TaskCreated(address indexed coordinator, TaskParameters parameters, uint40 timestamp);
    event ParticipantAdmitted(address indexed participant, uint40 timestamp);
    event ParticipantRemoved(address indexed participant, uint40 timestamp);
    event RoundOpened(uint32 indexed round, uint32 baseRound, uint40 timestamp);
    event UpdateSubmitted(
        uint32 indexed round,
        address indexed participant,
        uint32 sequence,
        bytes32 digest,
        bytes32 cidDigest,
        uint32 weight,
        uint40 timestamp
    );
    event ModelProposed(
        uint32 indexed round,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest,
        uint32 reportBytes,
        uint40 timestamp
    );
    event RoundFinalized(uint32 indexed round, bytes32 modelDigest, uint40 timestamp);
    event RoundAborted(uint32 indexed round, uint40 timestamp);
    event TaskStopped(uint40 timestamp);

    error ParameterOutOfRange(bytes32 name, uint256 value);
    error NotCoordinator(address sender, address coordinator);
    error NotAggregator(address sender, address aggregator);
    error NotEnrolled(address participant);
    error StillEnrolled(address participant);
    error NotAdmitted(address participant);
    error AlreadyAdmitted(address participant);
    error AlreadySubmitted(uint32 round, address participant);
    error UnexpectedRound(uint32 round, uint32 current);
    error UnexpectedPhase(uint32 round, Phase current, Phase expected);
    error WeightOutOfRange(uint32 weight, uint32 maxWeight);
    error ChallengeWindowOpen(uint32 round, uint40 until);
    error TaskOver(uint32 round, Phase current);
    error ZeroDigest();

    /// @notice Admits enrolled participants to the task. Coordinator only. All or none.
    function admit(address[] calldata participants) external;

    /// @notice Removes a participant whom the registry has revoked. Anybody.
    function remove(address participant) external;

    /// @notice Records the sender's update of the current round.
    /// @param round the current round; named so that a late transaction cannot slip into the next
    /// @param digest digest of the update's blob, not zero
    /// @param cidDigest SHA-256 in the CID of the update's blob, not zero
    /// @param weight aggregation weight, 1 to maxWeight
    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external;

    /// @notice Proposes the model of the current round. Aggregator only.
    /// @param reportBytes size of the round report's blob
    function propose(
        uint32 round,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest,
        uint32 reportBytes
    ) external;

    /// @notice Makes the proposed model final and opens the next round. Anybody.
    function finalize(uint32 round) external;

    /// @notice Ends an expired round without a model and opens the next. Anybody.
    function abort(uint32 round) external;

    /// @notice Ends the task; the round in progress is aborted. Coordinator only.
    function stop() external;

    /// @return the phase of a round at this block's time
    function phaseOf(uint32 round) external view returns (Phase);

    function currentRound() external view returns (CurrentRound memory);

    function participantOf(address participant) external view returns (Participant memory);

    function parameters() external view returns (TaskParameters memory);

    function coordinator() external view returns (address);

    function historyHash() external view returns (bytes32);

    /// @return the digest of a finalized round's model, 0 otherwise; round 0 is the genesis model
    function modelDigestOf(uint32 round) external view returns (bytes32);

    /// @return modelDigest digest of the last proposed model
    /// @return reportDigest digest of the report proposed with it
    function proposal() external view returns (bytes32 modelDigest, bytes32 reportDigest);
}
