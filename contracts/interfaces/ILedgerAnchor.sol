// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ITicketBroker} from "./ITicketBroker.sol";

/// @title The ledger's head and treasury, as clients see it
/// @notice Calls are authenticated by signatures, so anyone may relay one. docs/PROTOCOL.md, section 4, is the rule.
/// @dev Every error carries the expected value first and the one that came second. Amounts are wei.
interface ILedgerAnchor {
    /// @notice What the authority signs to open a session: the freshness challenge of a booting enclave.
    /// @param epoch The stored epoch + 1.
    /// @param head The stored head.
    /// @param session Address of the fresh session key.
    /// @param attestationDigest keccak256 of the COSE payload of the enclave's attestation document.
    struct Open {
        uint48 epoch;
        bytes32 head;
        address session;
        bytes32 attestationDigest;
    }

    /// @notice What the session signs to move the head.
    /// @param epoch The stored epoch.
    /// @param sequence The stored sequence + 1.
    /// @param prev The stored head.
    /// @param next Hash of the new header.
    /// @param payoutsHash keccak256(payouts ‖ skip as 16 bytes), or zero for a commit without payouts.
    /// @param balanceRoot Root of the balance tree in that header.
    /// @param logRoot Root of the audit log in that header.
    /// @param logSize Entries in that log.
    struct Commit {
        uint48 epoch;
        uint48 sequence;
        bytes32 prev;
        bytes32 next;
        bytes32 payoutsHash;
        bytes32 balanceRoot;
        bytes32 logRoot;
        uint64 logSize;
    }

    /// @notice What the old authority signs to hand over to the approved one.
    /// @param epoch The stored epoch + 1.
    /// @param head The stored head.
    /// @param newAuthority The authority that the guardian approved.
    /// @param attestationDigest keccak256 of the COSE payload of the new enclave's attestation document.
    struct Rotate {
        uint48 epoch;
        bytes32 head;
        address newAuthority;
        bytes32 attestationDigest;
    }

    event AuthorityAppointed(address authority);
    event AuthorityApproved(address authority);
    event AuthorityRotated(uint48 indexed epoch, address authority);
    event SessionOpened(uint48 indexed epoch, bytes32 head, address session, bytes32 attestationDigest);
    event Committed(
        uint48 indexed epoch,
        uint48 indexed sequence,
        bytes32 prev,
        bytes32 next,
        bytes32 balanceRoot,
        bytes32 logRoot,
        uint64 logSize
    );
    /// @param bitmap Bit i is set when payout i was paid.
    /// @param head keccak256(abi.encode(next, bitmap)), which the next commit must name as `prev`.
    event Settled(uint48 indexed sequence, uint256 bitmap, bytes32 head);
    /// @param until Unix second at which the freeze ends by itself.
    event Frozen(uint48 until);
    event Unfrozen();

    /// @notice Called again from within a call; there is no value to compare.
    error AnchorReentered();
    error AnchorNotGuardian(address expected, address got);
    /// @notice The anchor is frozen: `expected` is the second from which the call may pass, `got` is now.
    error AnchorFrozen(uint256 expected, uint256 got);
    /// @notice No freeze is old enough: it had to begin at `expected` or before; `got` is when it did, 0 when thawed.
    error AnchorNotFrozen(uint256 expected, uint256 got);
    /// @notice Deployment needs a broker and a guardian.
    error AnchorNoBroker();
    error AnchorNoGuardian();
    /// @notice An authority is needed and the zero address stands in its place.
    error AnchorNoAuthority();
    /// @notice A session is needed and the zero address stands in its place.
    error AnchorNoSession();
    /// @notice The one appointment is over: `expected` is zero, `got` the authority.
    error AnchorAuthoritySet(address expected, address got);
    error AnchorNotApproved(address expected, address got);
    /// @notice The offered session key is the stored one; both values are equal.
    error AnchorSessionUsed(address expected, address got);
    error AnchorWrongEpoch(uint256 expected, uint256 got);
    error AnchorWrongSequence(uint256 expected, uint256 got);
    error AnchorStaleHead(bytes32 expected, bytes32 got);
    /// @notice `got` is the recovered signer, zero for a signature of another form or one that recovers none.
    error AnchorBadSignature(address expected, address got);
    /// @notice `expected` is the hash of the payouts and skip of this call (zero for `commit`), `got` the signed one.
    error AnchorWrongPayouts(bytes32 expected, bytes32 got);
    /// @notice None, or more than `expected`.
    error AnchorPayoutCount(uint256 expected, uint256 got);
    /// @notice The payouts have `got` bytes; with their count of tickets it had to be `expected`, or 32 or more beyond.
    error AnchorPayoutLength(uint256 expected, uint256 got);
    /// @notice Bits of `skip` beyond the payouts: `expected` is the mask allowed.
    error AnchorSkip(uint256 expected, uint256 got);
    /// @notice The first or last payout id lies outside 1..2³²−1: `expected` is the bound that `got` passed.
    error AnchorPayoutId(uint256 expected, uint256 got);
    /// @notice Tickets without a round, or a round without tickets: the words that had to be (non-)zero came as `got`.
    error AnchorRound(uint256 tickets, uint256 round, bytes32 roundHash);
    /// @notice Payout `index` goes to a recipient that is never paid: zero, anchor, broker or authority.
    error AnchorRecipient(uint256 index, address got);
    /// @notice Payout `index` is over nothing.
    error AnchorAmount(uint256 index, uint256 got);
    error AnchorUnderfunded(uint256 expected, uint256 got);
    /// @notice The broker refused ticket `index`, and with it the whole call; `reason` is what it answered.
    error AnchorTicketFailed(uint256 index, bytes reason);
    /// @notice The authority's deposit at the broker did not return to what it was.
    error AnchorDepositChanged(uint256 expected, uint256 got);
    /// @notice Less gas is left before a transfer than its floor; raise the gas limit.
    error AnchorGas(uint256 expected, uint256 got);

    /// @notice Names the first authority, once, after the guardian has verified the enclave's attestation.
    function appointAuthority(address newAuthority) external;
    /// @notice Allows the authority to hand over to `newAuthority`; zero withdraws.
    function approveAuthority(address newAuthority) external;
    /// @notice Hands over to the approved authority and ends the session.
    function rotateAuthority(Rotate calldata r, bytes calldata sig) external;
    /// @notice Stops commits and rotation for 30 days at most; sessions can still be opened.
    function freeze() external;
    /// @notice Ends a freeze.
    function unfreeze() external;
    /// @notice Replaces a lost or stolen authority after seven days of an unbroken freeze, and thaws.
    function guardianRotate(address newAuthority) external;
    /// @notice Starts the next epoch with a fresh session key. Older sessions can't commit any more.
    function openSession(Open calldata o, bytes calldata sig) external;
    /// @notice Moves the head without paying.
    function commit(Commit calldata c, bytes calldata sig) external;
    /// @notice Moves the head and pays, or does neither.
    /// @param c The signed commit.
    /// @param payouts Packed: round u64 ‖ round hash 32 ‖ first payout id u64 ‖ tickets u16, then tickets of
    /// recipient 20 ‖ amount u96 ‖ EIP-2098 signature 64, then transfers of recipient 20 ‖ amount u96.
    /// @param skip Bit i leaves payout i out.
    /// @param sig The session's signature over `c`: r ‖ s ‖ v.
    function commitAndPay(Commit calldata c, bytes calldata payouts, uint128 skip, bytes calldata sig) external;

    /// @notice The value that the next commit must name as `prev`; the old one while a commit is running.
    function head() external view returns (bytes32);
    /// @notice Number of commits so far.
    function sequence() external view returns (uint48);
    /// @notice Number of sessions and rotations so far.
    function epoch() external view returns (uint48);
    /// @notice The key that may commit; zero when none.
    function session() external view returns (address);
    /// @notice The key that opens sessions and sends tickets.
    function authority() external view returns (address);
    /// @notice Unix second of the last freeze, 0 when thawed. A freeze has ended 30 days after it.
    function frozenAt() external view returns (uint48);
    /// @notice The authority that `rotateAuthority` may install.
    function approvedAuthority() external view returns (address);
    /// @notice Livepeer's broker.
    function ticketBroker() external view returns (ITicketBroker);
    /// @notice The account that appoints, approves, freezes and, in need, replaces.
    function guardian() external view returns (address);
}
