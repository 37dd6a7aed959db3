// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/TypedData.sol";
import {Fault} from "../libraries/Faults.sol";
import {Phase} from "../libraries/Phases.sol";
import {Question, Stage} from "../libraries/Questions.sol";

/// @title The structures, events and errors of a ledger
/// @notice Events are the records that historyHash covers. Every argument is one ABI word, or several in
/// order, so that one rule decodes and hashes all of them (docs/spec.md, 6).
interface ILedgerTypes {
    /// @notice What a task fixes before anyone trains. Immutable.
    struct TaskParameters {
        /// The ParticipantRegistry that admissions refer to.
        address registry;
        /// The code that decides disputes (contracts/ledger/Disputes.sol), which runs on the ledger's storage; on the
        /// chain before the ledger.
        address disputes;
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
        /// Time to submit, from the opening of the round, or to reveal, from the end of committing, in
        /// seconds; at least 1.
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
        /// Fraction bits of a model less those of an update, at most 30; or 2^32 - 1 if another rule than
        /// the mean makes the models, and no value of theirs can be challenged.
        uint32 fractionShift;
        /// Time to commit, from the opening of the round, in seconds; 0 where updates are submitted
        /// without a commitment.
        uint32 commitSeconds;
        /// Whether anybody may admit enrolled participants; otherwise only the coordinator.
        bool isOpen;
        /// Time in which aggregators may list updates, from the opening of the round, in seconds; less than
        /// collectSeconds, so that there is time for those whom a list leaves out. 0: there are no lists.
        uint32 listSeconds;
        /// Of 2^32, so many participants are selected for a round on average; 0 if all take part.
        uint32 sampleRate;
        /// Time for the aggregators to reveal their secrets before a round opens, in seconds; above 0
        /// exactly if sampleRate is.
        uint32 seedSeconds;
        /// What the updates of a finalized round earn together, in wei; above 0 only with a quorum, which alone can
        /// judge what each of them earned.
        uint96 reward;
        /// What one update costs its participant of its privacy budget, in units of 2^-32 of zero-concentrated
        /// differential privacy (rho); 0 without a budget.
        uint64 privacyCost;
        /// The most that the updates of a participant may cost together, in the same units; at least privacyCost, or 0
        /// with it. Not with lists, whose entries the ledger does not look at.
        uint64 privacyBudget;
        /// Time for the participants to unmask, from the end of collection, in seconds; above 0 exactly where
        /// updates are masked. Then commitSeconds and sampleRate are above 0, and fractionShift is 2^32 - 1: what
        /// a masked value contributes, nobody can show.
        uint32 unmaskSeconds;
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
        /// Block time at which the target, or the last reveal, closed collection, or a second after a rejection, when the
        /// turns begin again, or the end of the task; 0 as long as only time closes collection.
        uint40 closedAt;
        /// No later round opens before this time.
        uint40 pausedUntil;
        bool isStopped;
    }

    /// @notice What is left to pay for a round, and to whom.
    struct Payroll {
        /// keccak256 of the digest of the round's report, which says who earned what, and its number of updates; 0
        /// for a round without a reward.
        bytes32 content;
        /// In wei.
        uint96 left;
        /// Parts whose rewards are not paid yet; with the last of them the rest goes back into the pot.
        uint32 numUnpaid;
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
        /// Round of its last update or commitment, 0 before the first.
        uint32 lastRound;
        /// Position of that update among the updates of its round, from 0; 2^32 - 1 for a commitment that
        /// was not revealed.
        uint32 lastSequence;
        /// First 23 bytes of that update's record hash, which prove the record in one storage read, or of
        /// that commitment.
        bytes23 lastRecord;
    }

    /// @notice How far committing has got in a round; only tasks with commitSeconds keep this.
    struct Committing {
        /// The last round with a commitment, 0 before the first.
        uint32 round;
        uint32 numCommitted;
        /// Block time at which the target closed committing; 0 as long as only time does.
        uint40 closedAt;
    }

    /// @notice How far unmasking has got in a round; only tasks with unmaskSeconds keep this.
    struct Unmasking {
        /// The last round in which somebody unmasked, or a model was rejected; 0 before the first.
        uint32 round;
        uint32 numUnmasked;
        /// Block time at which the last sender of an update unmasked, or a second after a rejection, when the turns
        /// begin again; 0 as long as only time ends it.
        uint40 closedAt;
    }

    /// @notice An aggregator's last list of updates.
    struct Listing {
        /// Round of the list, 0 before the first.
        uint32 round;
        /// First 28 bytes of the list's record hash: proves the record in one storage read.
        bytes28 record;
    }

    /// @notice What UpdatesListed says about a list, round aside.
    struct ListRecord {
        address aggregator;
        uint32 first;
        uint32 count;
        bytes32 digest;
        bytes32 cidDigest;
        uint40 timestamp;
    }

    /// @notice How far the secrets of the current round have come; only tasks with a sampleRate keep this.
    struct Seeding {
        /// Seed of the round before; of the first round, the digest of the manifest.
        bytes32 formerSeed;
        /// What the secrets that were revealed for the round make together.
        bytes32 mix;
        /// Aggregators that have ever committed to secrets.
        uint32 numCommitted;
        /// Aggregators that have revealed the one of this round.
        uint32 numRevealed;
        /// Block time from which nobody can choose a secret of this round any more, and all can reveal.
        uint40 revealsFrom;
        /// Block time at which the round opens, if it is not paused beyond it.
        uint40 opensFrom;
    }

    /// @notice The secrets of an aggregator: each is the hash of the next one that it reveals.
    struct SeedChain {
        /// The hash of the next secret; 0 before the first commitment.
        bytes32 tip;
        /// The first round whose secret it has to reveal, 0 before the first commitment.
        uint32 dueFrom;
        /// The last round whose secret it revealed.
        uint32 revealedIn;
    }

    /// @notice What a participant is drawn by.
    struct Lot {
        /// The key under which it was admitted first.
        address name;
        /// The first round that it can be selected for.
        uint32 from;
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
    event PotFunded(address indexed account, uint96 amount, uint40 timestamp);
    event RewardsPaid(uint32 indexed round, uint32 part, uint256[32] rows, uint40 timestamp);
    event PotReclaimed(address indexed coordinator, uint96 amount, uint40 timestamp);
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
    event UpdatesListed(
        uint32 indexed round,
        address indexed aggregator,
        uint32 first,
        uint32 count,
        bytes32 digest,
        bytes32 cidDigest,
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
    event UpdateCommitted(
        uint32 indexed round, address indexed participant, bytes32 commitment, uint40 timestamp
    );
    event ParticipantSucceeded(address indexed participant, address indexed successor, uint40 timestamp);
    event SeedsCommitted(address indexed aggregator, bytes32 tip, uint40 timestamp);
    event SeedRevealed(uint32 indexed round, address indexed aggregator, bytes32 secret, uint40 timestamp);
    event PeersApart(uint32 indexed round, address indexed participant, uint128 positions, uint40 timestamp);
    event UpdateUnmasked(
        uint32 indexed round, address indexed participant, bytes32 cidDigest, uint40 timestamp
    );

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
    error NoRewards();
    error UnknownPayroll(uint32 round);
    error AlreadyPaid(uint32 round, uint32 part);
    error RewardExceeded(uint256 amount, uint256 left);
    error PayoutRefused(address account);
    error NotEnrolled(address participant);
    error StillEnrolled(address participant);
    error NotAdmitted(address participant);
    error AlreadyAdmitted(address participant);
    error AlreadySubmitted(uint32 round, address participant);
    error ListsOver(uint256 until);
    error AlreadyListed(uint32 round, address aggregator);
    error TooManyParticipants(uint32 most);
    error AdmissionsFrozen(uint32 round, Phase phase);
    error NothingSubmitted(uint32 round);
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
    error PartsOutOfRange(uint256 part);
    /// @param offset first byte of the integer that was asked for
    /// @param width bytes of that integer
    /// @param length bytes that there are
    error BeyondEnd(uint256 offset, uint256 width, uint256 length);
    error UnknownList(address aggregator, uint32 sequence);
    error UnknownRecord(address participant, uint32 sequence);
    error NoOmission(uint32 sequence);
    error TaskOver(uint32 round, Phase current);
    error ZeroDigest();
    error CommitmentsRequired();
    error NoCommitments();
    error AlreadyCommitted(uint32 round, address participant);
    error NotCommitted(uint32 round, address participant);
    error WrongReveal(bytes32 commitment);
    error NoSuccessor(address participant);
    error SuccessorAdmitted(address participant, address successor);
    error SuccessionDue(address participant, address successor);
    error NoSampling();
    error SeedsFixed(uint32 round);
    error SeedsNotFixed(uint40 from);
    error AlreadyRevealed(uint32 round, address aggregator);
    error WrongSecret(bytes32 tip);
    error SeedWithheld(uint32 round, address aggregator);
    error NotSelected(uint32 round, address participant);
    error PrivacyBudgetExceeded(address participant, uint64 spent, uint64 budget);
    error NoMasks();
    error NotSubmitted(uint32 round, address participant);
    error AlreadyUnmasked(uint32 round, address participant);
}
