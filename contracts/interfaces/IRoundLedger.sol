// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/Attestations.sol";
import {Opening} from "../libraries/DigestTree.sol";
import {Fault} from "../libraries/Faults.sol";
import {Phase} from "../libraries/Phases.sol";
import {Question, Stage} from "../libraries/Questions.sol";

/// @title One federated training task: its rounds, updates and models
/// @notice Round 0 is the genesis model. Round r >= 1 starts from the model of its base round (the
/// last finalized one) and ends FINALIZED with a model of its own, or ABORTED without. The next
/// round opens in the same transaction.
///
///                    target reached, or deadline        propose, by the                  quorum attests, or
///                    with at least minUpdates           aggregator in turn               window passed, finalize
///       COLLECTING ------------------------> AGGREGATING --------------> PROPOSED --------------------> FINALIZED
///            ^ |                                 |    ^                     |
///   its time | | deadline with fewer             |    +---------------------+ quorum attests otherwise
///   comes    | v                                 |
///   SCHEDULED EXPIRED <--------------------------+ last turn is over
///               |  abort (anybody)                         stop (coordinator): any of these --> ABORTED
///               v
///             ABORTED
///
/// The phase is derived from stored data and the block time; no transaction is needed to pass a
/// deadline.
///
/// The aggregators of a task form its committee. In round r the first turn belongs to seat
/// 1 + (r - 1) mod n, the next to the seat after it, and so on around; a turn begins aggregateSeconds
/// after the one before and lasts to the end of the phase. Each aggregator deposits a bond. It
/// proposes, or derives the round itself and attests to the result that it got, by a signature that
/// anybody may hand in. Proposing is attesting.
///
/// Guarantees
///  - Append-only: no update, model or round is ever altered or removed.
///  - `historyHash` covers every event in order (see libraries/History.sol), so a list of events is
///    either the whole truth or recognisably not.
///  - One update per participant and round, sent by the participant itself, in COLLECTING only.
///  - From every phase of an unfinished task somebody can always move on: submit or wait, propose or
///    wait, finalize, abort, conclude a dispute. Nothing waits for everybody; a pause ends by itself.
///  - Every round ends: at most one rejection per aggregator and round, and every dispute costs one of
///    its parties.
///  - The gas of an action does not depend on the number of rounds or participants.
///  - A bond or deposit is lost to a fault only (libraries/Faults.sol). Half of it goes to whoever showed
///    the fault, nothing where a quorum or the passing of time did; the rest stays here for good.
///  - A wrong value of a model loses a dispute, whatever its proposer claims, if its challenger moves in
///    time; a right one wins, if its proposer does.
///
/// Assumptions
///  - Correctness: fewer than `quorum` aggregators sign what they did not derive. Without a quorum in
///    time a wrong model can become final after the challenge window if nobody challenges it; whoever
///    replays the round from chain and IPFS sees it (docs/spec.md).
///  - Liveness: at least `minUpdates` participants submit before the deadline, one aggregator with a
///    bond proposes before the last turn is over, and somebody pays for finalize or abort.
///
/// Powers
///  - Coordinator: admits enrolled participants; delays the opening of rounds to come; stops the task.
///    It can not submit for others, alter records, appoint or dismiss aggregators, change a parameter,
///    or move a deadline of a round that is open.
///  - Aggregator: proposes when its turn has come, and attests to one result per round. It can not
///    submit or alter updates; whether it left one out for a right reason, its committee decides.
///  - Anybody: finalizes after the challenge window, aborts an expired round, hands in attestations,
///    shows equivocations and omissions, challenges a proposal, decides and concludes disputes, removes a
///    participant that the registry has revoked.
interface IRoundLedger {
    /// @notice What a task fixes before anyone trains. Immutable.
    struct TaskParameters {
        /// The ParticipantRegistry that admissions refer to.
        address registry;
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
        /// Length of an aggregator's turn, from the end of collection, in seconds; at least 1.
        uint32 aggregateSeconds;
        /// Time between proposal and finalization without a quorum, in seconds; may be 0.
        uint32 challengeSeconds;
        /// Attestations that decide a proposal at once: more than half of the aggregators and at
        /// least 2; or 0, then only the window does.
        uint32 quorum;
        /// Deposit without which an aggregator can not act, in wei; may be 0.
        uint96 bond;
        /// Chunks of 1,024 bytes in the header of every update and model; at least 1.
        uint32 headerChunks;
        /// Values of an update and of a model; at least 1.
        uint32 numValues;
        /// Fraction bits of a model less those of an update; at most 30.
        uint32 fractionShift;
    }

    /// @notice The round in progress, or the last one of a finished task.
    struct CurrentRound {
        uint32 round;
        /// The finalized round whose model this round starts from.
        uint32 baseRound;
        uint32 numUpdates;
        /// Rounds finalized so far, genesis not counted.
        uint32 numFinalized;
        /// Block time in seconds; in the future while the round is SCHEDULED.
        uint40 openedAt;
        /// Block time at which the target closed collection, or a second after a rejection, when the
        /// turns begin again, or the end of the task; 0 as long as only time closes collection.
        uint40 closedAt;
        /// No later round opens before this time.
        uint40 pausedUntil;
        bool isStopped;
    }

    /// @notice The last proposal.
    struct Proposal {
        /// Round that it was made in; 0 before the first, and after one was dropped.
        uint32 round;
        address proposer;
        /// Block time in seconds.
        uint40 proposedAt;
        /// Attestations to this result, the proposer's own included.
        uint8 numFor;
        /// Attestations to any other result.
        uint8 numAgainst;
        bytes32 reportDigest;
    }

    /// @notice An aggregator's standing.
    struct Aggregator {
        /// Its place in the order of turns, from 1; 0 for everybody else.
        uint32 seat;
        /// Round that it last attested in, by proposing or by signature.
        uint32 attestedIn;
        /// Block time of that, in seconds. An attestation older than the proposal does not count for or
        /// against it, and may be handed in again.
        uint40 attestedAt;
        /// Round that it may no longer act in, because of a fault; 2^32 - 1 is every round.
        uint32 barredIn;
        /// Its deposit in wei.
        uint96 bond;
        /// What it attested to: the EIP-712 hash of round, model digest and report digest.
        bytes32 result;
    }

    /// @notice A signed result.
    struct Attestation {
        uint32 round;
        bytes32 modelDigest;
        bytes32 reportDigest;
        Signature signature;
    }

    /// @notice A dispute about the proposed model; of a challenge that failed, round and time stay.
    struct Dispute {
        /// Round that it is about.
        uint32 round;
        address challenger;
        /// Last second of the move that is awaited; after a challenge that failed, the first second at
        /// which the model may become final.
        uint40 until;
        Question question;
        /// Whose move it is; NONE if nothing is in dispute.
        Stage stage;
        /// Chunk of the header, value of the model, or update, that the question is about.
        uint32 position;
        /// The updates in dispute begin with this one,
        uint32 first;
        /// and are so many.
        uint32 count;
        /// Their total weight as the proposer claims it,
        uint64 weight;
        /// and their sum of weight times lane.
        int256 sum;
        /// keccak256 of the parts that the proposer claims last.
        bytes32 partsHash;
    }

    /// @notice What UpdateSubmitted says about an update, round and sequence aside.
    struct UpdateRecord {
        address participant;
        bytes32 digest;
        bytes32 cidDigest;
        uint32 weight;
        uint40 timestamp;
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
    event AggregatorAppointed(address indexed aggregator, uint32 seat, uint40 timestamp);
    event ParticipantAdmitted(address indexed participant, uint40 timestamp);
    event ParticipantRemoved(address indexed participant, uint40 timestamp);
    event BondDeposited(address indexed aggregator, uint96 amount, uint40 timestamp);
    event BondWithdrawn(address indexed aggregator, uint96 amount, uint40 timestamp);
    event BondSlashed(
        address indexed aggregator, address indexed beneficiary, uint96 amount, Fault fault, uint40 timestamp
    );
    event PayoutClaimed(address indexed account, uint96 amount, uint40 timestamp);
    event RoundOpened(uint32 indexed round, uint32 baseRound, uint40 opensAt, uint40 timestamp);
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
        address indexed proposer,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest,
        uint40 timestamp
    );
    event ModelAttested(
        uint32 indexed round,
        address indexed aggregator,
        bytes32 modelDigest,
        bytes32 reportDigest,
        uint40 timestamp
    );
    event ProposalRejected(uint32 indexed round, address indexed proposer, Fault fault, uint40 timestamp);
    event ProposalChallenged(
        uint32 indexed round, address indexed challenger, Question question, uint32 position, uint40 timestamp
    );
    event ValueAnswered(
        uint32 indexed round, int32 baseValue, int32 proposedValue, uint256[32] parts, uint40 timestamp
    );
    event PartSelected(uint32 indexed round, uint32 part, uint40 timestamp);
    event PartSplit(uint32 indexed round, uint256[32] parts, uint40 timestamp);
    event ChallengeFailed(
        uint32 indexed round,
        address indexed challenger,
        address beneficiary,
        uint96 amount,
        Fault fault,
        uint40 timestamp
    );
    event RoundFinalized(uint32 indexed round, bytes32 modelDigest, uint40 timestamp);
    event RoundAborted(uint32 indexed round, uint40 timestamp);
    event TaskPaused(uint40 until, uint40 timestamp);
    event TaskStopped(uint40 timestamp);

    error ParameterOutOfRange(bytes32 name, uint256 value);
    error NotCoordinator(address sender, address coordinator);
    error NotAggregator(address account);
    error OutOfTurn(address aggregator, uint256 from);
    error AggregatorBarred(uint32 round);
    error AlreadyAttested(uint32 round, address aggregator);
    error NoEquivocation();
    error BondTooLow(uint96 bond, uint96 required);
    error BondLocked(uint256 until);
    error NothingToPay(address account);
    error PayoutRefused(address account);
    error NotEnrolled(address participant);
    error StillEnrolled(address participant);
    error NotAdmitted(address participant);
    error AlreadyAdmitted(address participant);
    error AlreadySubmitted(uint32 round, address participant);
    error UnexpectedRound(uint32 round, uint32 current);
    error UnexpectedPhase(uint32 round, Phase current, Phase expected);
    error WeightOutOfRange(uint32 weight, uint32 maxWeight);
    error ChallengeWindowOpen(uint32 round, uint40 until);
    error NoDisputes();
    error UnexpectedDeposit(uint256 value, uint96 bond);
    error UnexpectedMove(Question question, Stage stage);
    error MoveOver(uint40 until);
    error MoveNotOver(uint40 until);
    error NotProposer(address sender, address proposer);
    error NotChallenger(address sender, address challenger);
    error WrongOpening(bytes32 digest, uint256 index, uint256 numChunks);
    error WrongAnswer();
    error UnknownRecord(address participant, uint32 sequence);
    error NoOmission(uint32 sequence);
    error TaskOver(uint32 round, Phase current);
    error ZeroDigest();

    /// @notice Admits enrolled participants to the task. Coordinator only. All or none.
    function admit(address[] calldata participants) external;

    /// @notice Removes a participant whom the registry has revoked. Anybody.
    function remove(address participant) external;

    /// @notice Adds what is sent along to the sender's bond. Aggregators only.
    function depositBond() external payable;

    /// @notice Makes the sender's bond a payout, challengeSeconds after the end of the task.
    function withdrawBond() external;

    /// @notice Pays the sender what it has earned or got back.
    function claimPayout() external;

    /// @notice Records the sender's update of the current round.
    /// @param round the current round; named so that a late transaction cannot slip into the next
    /// @param digest digest of the update's blob, not zero
    /// @param cidDigest SHA-256 in the CID of the update's blob, not zero
    /// @param weight aggregation weight, 1 to maxWeight
    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external;

    /// @notice Proposes the model of the current round. An aggregator whose turn has come.
    function propose(
        uint32 round,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest
    ) external;

    /// @notice Hands in attestations to one result of the current round, while a model is proposed.
    /// A quorum for the proposal makes it final, a quorum for other results rejects it. Whoever has
    /// attested to another result in this round loses its bond instead, half of it to the sender.
    /// @param signatures one per aggregator, of the EIP-712 message Attestation(uint32 round,bytes32
    /// modelDigest,bytes32 reportDigest) in the domain ("fl_chain", "1", chain id, this contract)
    function attest(uint32 round, bytes32 modelDigest, bytes32 reportDigest, Signature[] calldata signatures)
        external;

    /// @notice Shows two results that one aggregator signed for one round, of any round; half of its
    /// bond goes to the sender. Anybody.
    function proveEquivocation(Attestation calldata one, Attestation calldata other) external;

    /// @notice Disputes the proposed model, with a deposit of as much as a bond. Anybody. The proposer
    /// then has to show what was asked; each move has challengeSeconds, and whoever lets them pass
    /// loses. The winner has its own money back and half of the loser's; the rest stays here for good.
    /// @param question what to show
    /// @param position the chunk of the header, the value of the model, or the update, that it is about
    function challenge(uint32 round, Question question, uint32 position) external payable;

    /// @notice Shows that a chunk of the model's header is that of the genesis model's. Anybody.
    function answerHeader(uint32 round, Opening calldata genesis, Opening calldata proposed) external;

    /// @notice Shows that the report gives the update in question a status. Anybody.
    function answerStatus(uint32 round, Opening calldata report) external;

    /// @notice Claims what each part of the updates contributes to the value in question. The proposer.
    /// @param base the chunk of the base model that holds the value
    /// @param proposed that of the proposed model
    /// @param parts the claims (libraries/Parts.sol), of all updates of the round; excluded updates
    /// contribute nothing. They must lead from the value before to the proposed one.
    function answerValue(uint32 round, Opening calldata base, Opening calldata proposed, uint256[32] calldata parts)
        external;

    /// @notice Names a part that contributes something else than is claimed. The challenger.
    /// @param parts the claims, as the last event gave them
    function selectPart(uint32 round, uint32 part, uint256[32] calldata parts) external;

    /// @notice Claims what each part of the selected one contributes; together, what was claimed of it.
    /// The proposer.
    function splitPart(uint32 round, uint256[32] calldata parts) external;

    /// @notice Decides the dispute, once a single update is left. Anybody.
    /// @param record what the ledger recorded of the update
    /// @param report the chunk of the report with the update's status
    /// @param update the chunk of the update with the lane in question; anything if it is excluded
    function decideUpdate(
        uint32 round,
        UpdateRecord calldata record,
        Opening calldata report,
        Opening calldata update
    ) external;

    /// @notice Ends a dispute in which somebody let the time of its move pass. Anybody.
    function concludeDispute(uint32 round) external;

    /// @notice Shows that the report gives an update on record no status: the proposal is dropped, and
    /// half of its proposer's bond goes to the sender. Anybody.
    /// @param report the chunk of the report that should hold the status
    function proveOmission(uint32 round, uint32 sequence, Opening calldata report) external;

    /// @notice Makes the proposed model final and opens the next round. Anybody.
    function finalize(uint32 round) external;

    /// @notice Ends an expired round without a model and opens the next. Anybody.
    function abort(uint32 round) external;

    /// @notice Opens no further round before a time. Coordinator only.
    /// @param pauseSeconds time from now; 0 ends a pause
    function pause(uint32 pauseSeconds) external;

    /// @notice Ends the task; the round in progress is aborted. Coordinator only.
    function stop() external;

    /// @return the phase of a round at this block's time
    function phaseOf(uint32 round) external view returns (Phase);

    function currentRound() external view returns (CurrentRound memory);

    function proposal() external view returns (Proposal memory);

    function dispute() external view returns (Dispute memory);

    function participantOf(address participant) external view returns (Participant memory);

    function aggregatorOf(address aggregator) external view returns (Aggregator memory);

    /// @return what an account can claim, in wei
    function payoutOf(address account) external view returns (uint256);

    function parameters() external view returns (TaskParameters memory);

    function coordinator() external view returns (address);

    function historyHash() external view returns (bytes32);

    /// @return the digest of a finalized round's model, 0 otherwise; round 0 is the genesis model
    function modelDigestOf(uint32 round) external view returns (bytes32);
}
