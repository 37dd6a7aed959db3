// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../libraries/TypedData.sol";
import {Phase} from "../libraries/Phases.sol";
import {SignedUpdate} from "../libraries/SignedUpdates.sol";
import {ILedgerTypes} from "./ILedgerTypes.sol";

/// @title One federated training task: its rounds, updates and models
/// @notice IDisputes, ISampling and IMasks answer at the same address; ILedger is all four.
///
/// Round 0 is the genesis model. Round r >= 1 starts from the model of its base round (the
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
/// In a task with commitSeconds a round begins COMMITTING: participants record commitments, and nobody
/// can copy what nobody has seen. At the target or the deadline, with at least minUpdates of them,
/// COLLECTING follows, in which those who committed reveal, and which closes when all of them have; with
/// fewer the round is EXPIRED.
///
/// In a task with a sampleRate a round begins SCHEDULED, for seedSeconds: aggregators reveal secrets that
/// they committed to before, which make the round's seed. It opens as soon as all have, and takes updates
/// only from the participants whom the seed selects.
///
/// In a task with unmaskSeconds updates are masked, and what participants commit to are the shares of the seeds
/// that made the masks. After COLLECTING, with at least minUpdates updates, the round is UNMASKING: each sender of
/// one tells the seeds that the sum needs. When all of them have, or at the deadline, AGGREGATING follows, and
/// UNMASKING does not come back in the round.
///
/// In a task with a privacyBudget every update costs its participant privacyCost. Who could not pay for one more
/// neither commits nor submits any more; no time and no key gives anything back.
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
///  - One update per participant and round, sent or signed by the participant itself, in COLLECTING only, also
///    if it changes its key.
///  - With commitSeconds: an update is the one that its sender committed to before any update of the
///    round was revealed, so none was made from another.
///  - With unmaskSeconds: seeds are told once, of the one set of updates that is on record when collection
///    ends, so that no answer to a second set takes the masks off a single update.
///  - With a privacyBudget: no participant's updates cost more together than that, also if it changes its key.
///    What an update costs in truth depends on the noise that its participant puts in, which nobody can see.
///  - With a sampleRate: nobody chooses who takes part. As long as one aggregator keeps its secret until it
///    reveals it, nobody knows the seed before; each that withholds its own decides between two seeds, and
///    does not act in the round.
///  - From every phase of an unfinished task somebody can always move on: submit or wait, unmask or
///    wait, propose or wait, finalize, abort, conclude a dispute. Nothing waits for everybody; a pause ends by itself.
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
///  - Liveness: at least `minUpdates` participants submit, or commit and reveal, before the deadline, one
///    aggregator with a bond proposes before the last turn is over, and somebody pays for finalize or
///    abort.
///
/// Powers
///  - Coordinator: admits enrolled participants; delays the opening of rounds to come; stops the task.
///    It can not submit for others, alter records, appoint or dismiss aggregators, change a parameter,
///    or move a deadline of a round that is open.
///  - Aggregator: proposes when its turn has come, and attests to one result per round. It can not
///    submit or alter updates; whether it left one out for a right reason, its committee decides.
///  - Anybody: relays what participants signed, finalizes after the challenge window, aborts an expired
///    round, hands in attestations, shows equivocations and omissions, challenges a proposal, decides and
///    concludes disputes, removes a participant that the registry has revoked, moves an admission to the key
///    that the registry names, and in an open task admits whom the registry lists.
interface IRoundLedger is ILedgerTypes {
    /// @notice Admits enrolled participants to the task; none whose line has been admitted under an earlier
    /// key. Coordinator only, in an open task anybody. All or none.
    function admit(address[] calldata participants) external;

    /// @notice Removes a participant whom the registry has revoked and given no successor. Anybody.
    function remove(address participant) external;

    /// @notice Moves a participant's admission to the successor that the registry names. The round of the
    /// last update moves along, so that the two cannot submit twice in one round, and so does what was spent of a
    /// privacy budget. Anybody.
    function succeed(address participant) external;

    /// @notice Adds what is sent along to the sender's bond. Aggregators only.
    function depositBond() external payable;

    /// @notice Makes the sender's bond a payout, challengeSeconds after the end of the task.
    function withdrawBond() external;

    /// @notice Adds to what the updates of rounds to come earn. Anybody; the coordinator gets back what is left.
    function fundPot() external payable;

    /// @notice Makes what is left in the pot a payout to the coordinator, once the task is over. The coordinator.
    function reclaimPot() external;

    /// @notice Pays the sender what it has earned or got back.
    function claimPayout() external;

    /// @notice Records the sender's update of the current round.
    /// @param round the current round; named so that a late transaction cannot slip into the next
    /// @param digest digest of the update's blob, not zero
    /// @param cidDigest SHA-256 in the CID of the update's blob, not zero
    /// @param weight aggregation weight, 1 to maxWeight
    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external;

    /// @notice Records updates of the current round that participants have signed, as if each had sent its
    /// own. Anybody. Whoever has submitted in this round already is passed over, and so is whatever comes
    /// after the target is reached; anything else that is wrong with one refuses them all.
    /// @param updates signed as the EIP-712 message Update(uint32 round,bytes32 digest,bytes32 cidDigest,
    /// uint32 weight) in the domain ("fl_chain", "1", chain id, this contract)
    function submitBatch(uint32 round, SignedUpdate[] calldata updates) external;

    /// @notice Records what the sender's update of the current round will be, without a word about it.
    /// Only in tasks with commitSeconds, in which updates are not submitted otherwise.
    /// @param commitment as libraries/Commitments.sol computes it; one that is anything else can not be
    /// revealed
    function commitUpdate(uint32 round, bytes32 commitment) external;

    /// @notice Records the update of the current round that the sender has committed to, as submitUpdate
    /// does.
    /// @param salt the 32 random bytes in the commitment
    function revealUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight, bytes32 salt) external;

    /// @notice Records any number of signed updates of the current round by the digest of a list of them, in
    /// tasks with lists, in the first listSeconds of a round, once per round. An aggregator with standing.
    /// They take the next `count` sequence numbers. What is in the list, the ledger does not look at: which of
    /// them count, the report says (docs/spec.md, 8). Whoever is left out submits until collection is over.
    /// @param count updates in the list, 1 to targetUpdates
    /// @param digest digest of the list (docs/spec.md, 5.12), not zero
    /// @param cidDigest SHA-256 in the CID of the list, not zero
    function listUpdates(uint32 round, uint32 count, bytes32 digest, bytes32 cidDigest) external;

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

    /// @return how far committing has got in the last round with a commitment; zeros without one
    function committing() external view returns (Committing memory);

    /// @return how far unmasking has got in the last round in which it did; zeros without one
    function unmasking() external view returns (Unmasking memory);

    function participantOf(address participant) external view returns (Participant memory);

    function listingOf(address aggregator) external view returns (Listing memory);

    function aggregatorOf(address aggregator) external view returns (Aggregator memory);

    /// @return what an account can claim, in wei
    function payoutOf(address account) external view returns (uint256);

    function parameters() external view returns (TaskParameters memory);

    function coordinator() external view returns (address);

    function historyHash() external view returns (bytes32);

    /// @notice What is there for rounds to come, in wei.
    function pot() external view returns (uint256);

    function payrollOf(uint32 round) external view returns (Payroll memory);

    /// @return the digest of a finalized round's model, 0 otherwise; round 0 is the genesis model
    function modelDigestOf(uint32 round) external view returns (bytes32);

    /// @return how far the secrets of the current round have come; zeros in a task without a sampleRate
    function seeding() external view returns (Seeding memory);

    function seedChainOf(address aggregator) external view returns (SeedChain memory);

    /// @return what a participant is drawn by; zeros if it was never admitted, or without a sampleRate
    function lotOf(address participant) external view returns (Lot memory);

    /// @return what the updates of a participant cost together; 0 in a task without a privacyBudget, and of a key whose
    /// successor took its place
    function privacySpentOf(address participant) external view returns (uint64);

    /// @return the seed of the current round once it is open; 0 of any other round
    function seedOf(uint32 round) external view returns (bytes32);
}
