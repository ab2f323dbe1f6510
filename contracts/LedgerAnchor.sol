// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {HEAD_BYTES, Payouts, TICKET_BYTES, TRANSFER_BYTES} from "./Payouts.sol";
import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";
import {ITicketBroker} from "./interfaces/ITicketBroker.sol";

/// @title LedgerAnchor
/// @notice Holds the head of the ledger and its treasury. Money leaves through `commitAndPay` and nowhere else, and
/// only beside the root that accounts for it, so that no older state of the ledger can ever pay.
/// @dev No proxy, no owner. Whoever runs the enclave, relays a call or is paid by it is taken for an attacker.
contract LedgerAnchor is ILedgerAnchor {
    bytes32 private constant OPEN_TYPEHASH =
        keccak256("Open(uint48 epoch,bytes32 head,address session,bytes32 attestationDigest)");
    bytes32 private constant COMMIT_TYPEHASH = keccak256(
        "Commit(uint48 epoch,uint48 sequence,bytes32 prev,bytes32 next,bytes32 payoutsHash,bytes32 balanceRoot,bytes32 logRoot,uint64 logSize)"
    );
    bytes32 private constant ROTATE_TYPEHASH =
        keccak256("Rotate(uint48 epoch,bytes32 head,address newAuthority,bytes32 attestationDigest)");

    uint256 private constant AMOUNT_MASK = 0xffffffffffffffffffffffff;
    uint256 private constant PAYOUT_ID_MASK = 0xffffffffffffffff;
    uint256 private constant SIGNATURE_BYTES = 65;
    uint256 private constant SIGNATURE_S_MAX = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    // Enough for a contract wallet to book what it gets (the EVM adds its stipend of 2,300), too little to redeem.
    uint256 private constant TRANSFER_GAS = 30_000;
    // A call with value to a cold and new account costs 36,600 on top, and EIP-150 keeps 1/64 back: with this much
    // left, the recipient always gets the full 30,000, whatever limit a relayer chose.
    uint256 private constant TRANSFER_GAS_MIN = 80_000;

    uint256 private constant FREEZE_MAX = 30 days;
    uint256 private constant FREEZE_BEFORE_ROTATE = 7 days;

    // Where the words of an encoded redeemWinningTicket call stand, counted from its first byte.
    uint256 private constant AT_RAND = 0x44;
    uint256 private constant AT_RECIPIENT = 0x64;
    uint256 private constant AT_FACE_VALUE = 0xa4;
    uint256 private constant AT_NONCE = 0xe4;
    uint256 private constant AT_RAND_HASH = 0x104;
    uint256 private constant AT_R = 0x1c4;
    uint256 private constant AT_S = 0x1e4;
    uint256 private constant AT_V = 0x204;

    /// @inheritdoc ILedgerAnchor
    bytes32 public head;
    // One slot. It is written field by field, never from a copy: a copy could bring an old sequence back.
    /// @inheritdoc ILedgerAnchor
    uint48 public sequence;
    /// @inheritdoc ILedgerAnchor
    uint48 public epoch;
    /// @inheritdoc ILedgerAnchor
    address public session;
    /// @inheritdoc ILedgerAnchor
    address public authority;
    /// @inheritdoc ILedgerAnchor
    uint48 public frozenAt;
    /// @inheritdoc ILedgerAnchor
    address public approvedAuthority;

    uint256 private transient entered;

    /// @inheritdoc ILedgerAnchor
    ITicketBroker public immutable ticketBroker;
    /// @inheritdoc ILedgerAnchor
    address public immutable guardian;
    bytes32 private immutable domainSeparator;

    // A recipient's code runs while the head is old and holds signatures from this very calldata.
    modifier nonReentrant() {
        if (entered != 0) revert AnchorReentered();
        entered = 1;
        _;
        entered = 0;
    }

    modifier onlyGuardian() {
        if (msg.sender != guardian) revert AnchorNotGuardian(guardian, msg.sender);
        _;
    }

    /// @param broker Livepeer's TicketBroker proxy.
    /// @param guardian_ Best a multisig: after seven public days of freeze it can take the treasury.
    constructor(ITicketBroker broker, address guardian_) {
        if (address(broker) == address(0)) revert AnchorNoBroker();
        if (guardian_ == address(0)) revert AnchorNoGuardian();
        ticketBroker = broker;
        guardian = guardian_;
        domainSeparator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Anchorhold"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }

    /// @notice Anyone may fund the treasury.
    receive() external payable {}

    /// @inheritdoc ILedgerAnchor
    function appointAuthority(address newAuthority) external nonReentrant onlyGuardian {
        if (authority != address(0) || epoch != 0 || head != 0) revert AnchorAuthoritySet(address(0), authority);
        if (newAuthority == address(0)) revert AnchorNoAuthority();
        authority = newAuthority;
        emit AuthorityAppointed(newAuthority);
    }

    /// @inheritdoc ILedgerAnchor
    function approveAuthority(address newAuthority) external nonReentrant onlyGuardian {
        approvedAuthority = newAuthority;
        emit AuthorityApproved(newAuthority);
    }

    /// @inheritdoc ILedgerAnchor
    function rotateAuthority(Rotate calldata r, bytes calldata sig) external nonReentrant {
        _requireThawed();
        if (r.newAuthority == address(0)) revert AnchorNoAuthority();
        if (r.newAuthority != approvedAuthority) revert AnchorNotApproved(approvedAuthority, r.newAuthority);
        _requireNextEpoch(r.epoch);
        if (r.head != head) revert AnchorStaleHead(head, r.head);
        _requireSigned(authority, keccak256(abi.encode(ROTATE_TYPEHASH, r)), sig);
        _setAuthority(r.newAuthority);
    }

    /// @inheritdoc ILedgerAnchor
    function freeze() external nonReentrant onlyGuardian {
        _requireThawed();
        frozenAt = uint48(block.timestamp);
        emit Frozen(uint48(block.timestamp + FREEZE_MAX));
    }

    /// @inheritdoc ILedgerAnchor
    function unfreeze() external nonReentrant onlyGuardian {
        _requireFrozenSince(block.timestamp);
        frozenAt = 0;
        emit Unfrozen();
    }

    /// @inheritdoc ILedgerAnchor
    function guardianRotate(address newAuthority) external nonReentrant onlyGuardian {
        if (newAuthority == address(0)) revert AnchorNoAuthority();
        _requireFrozenSince(block.timestamp - FREEZE_BEFORE_ROTATE);
        frozenAt = 0;
        _setAuthority(newAuthority);
        emit Unfrozen();
    }

    /// @inheritdoc ILedgerAnchor
    function openSession(Open calldata o, bytes calldata sig) external nonReentrant {
        if (authority == address(0)) revert AnchorNoAuthority();
        _requireNextEpoch(o.epoch);
        if (o.head != head) revert AnchorStaleHead(head, o.head);
        if (o.session == address(0)) revert AnchorNoSession();
        if (o.session == session) revert AnchorSessionUsed(session, o.session);
        _requireSigned(authority, keccak256(abi.encode(OPEN_TYPEHASH, o)), sig);
        epoch = o.epoch;
        session = o.session;
        emit SessionOpened(o.epoch, o.head, o.session, o.attestationDigest);
    }

    /// @inheritdoc ILedgerAnchor
    function commit(Commit calldata c, bytes calldata sig) external nonReentrant {
        _requireNext(c, 0, sig);
        sequence = c.sequence;
        head = c.next;
        _emitCommitted(c);
    }

    /// @inheritdoc ILedgerAnchor
    function commitAndPay(Commit calldata c, bytes calldata payouts, uint128 skip, bytes calldata sig)
        external
        nonReentrant
    {
        _requireNext(c, keccak256(abi.encodePacked(payouts, skip)), sig);
        // Before any foreign code runs: a re-entering recipient finds this commit's sequence taken, even without the
        // guard. `head` follows at the end, since it has to hold what was paid.
        sequence = c.sequence;
        uint256 bitmap = _pay(payouts, skip);
        bytes32 folded = keccak256(abi.encode(c.next, bitmap));
        head = folded;
        _emitCommitted(c);
        emit Settled(c.sequence, bitmap, folded);
    }

    /// @dev Pays what is not skipped and tells, bit by bit, what was paid.
    function _pay(bytes calldata payouts, uint256 skip) private returns (uint256 bitmap) {
        (uint256 tickets, uint256 count) = Payouts.requireForm(payouts, skip);
        bitmap = ((1 << count) - 1) & ~skip;
        uint256 transfersAt = HEAD_BYTES + TICKET_BYTES * tickets;
        uint256 ticketSum = _sum(payouts, bitmap, 0, tickets, HEAD_BYTES, TICKET_BYTES);
        uint256 sum = ticketSum + _sum(payouts, bitmap, tickets, count - tickets, transfersAt, TRANSFER_BYTES);
        if (address(this).balance < sum) revert AnchorUnderfunded(sum, address(this).balance);
        // Tickets first, and their money gone from the broker again, before a recipient's code can run: while the
        // deposit stands, anyone who holds a stray ticket of ours could redeem it.
        if (ticketSum != 0) _payTickets(payouts, tickets, bitmap, ticketSum);
        if (count != tickets) bitmap = _payTransfers(payouts, transfersAt, tickets, bitmap);
    }

    /// @dev Adds up `count` payouts of `step` bytes from `offset`, number `first` being the first of them, as far as
    /// `bitmap` names them. Refuses recipients that would bring the money back to where a stray ticket could take it.
    function _sum(bytes calldata payouts, uint256 bitmap, uint256 first, uint256 count, uint256 offset, uint256 step)
        private
        view
        returns (uint256 sum)
    {
        uint256 payer = uint160(authority);
        uint256 broker = uint160(address(ticketBroker));
        uint256 refused = type(uint256).max;
        // Assembly, since every payout passes here: without the jumps of `||` it takes 110 gas less each. 128 amounts
        // below 2⁹⁶ can't overflow, and `requireForm` has held the last line against the calldata's length.
        assembly ("memory-safe") {
            let line := add(payouts.offset, offset)
            let bits := shr(first, bitmap)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                if and(bits, 1) {
                    let to := shr(96, calldataload(line))
                    let amount := and(calldataload(line), AMOUNT_MASK)
                    let ours := or(eq(to, address()), or(eq(to, broker), eq(to, payer)))
                    if or(ours, or(iszero(to), iszero(amount))) {
                        refused := i
                        break
                    }
                    sum := add(sum, amount)
                }
                line := add(line, step)
                bits := shr(1, bits)
            }
        }
        if (refused != type(uint256).max) _revertPayee(first + refused, Payouts.word(payouts, offset + refused * step));
    }

    /// @dev Says what is wrong with the payout that `_sum` refused.
    function _revertPayee(uint256 index, uint256 line) private pure {
        if (line & AMOUNT_MASK == 0) revert AnchorAmount(index, 0);
        revert AnchorRecipient(index, address(uint160(line >> 96)));
    }

    /// @dev Funds exactly the face values and redeems each ticket. A ticket that fails reverts the whole call: left
    /// in the deposit, its money would pay the first stray ticket that comes by. The deposit found before is a
    /// donation and stays where it is.
    function _payTickets(bytes calldata payouts, uint256 tickets, uint256 bitmap, uint256 sum) private {
        address payer = authority;
        (uint256 deposit,,,) = ticketBroker.getSenderInfo(payer);
        ticketBroker.fundDepositAndReserveFor{value: sum}(payer, sum, 0);
        _redeem(payouts, tickets, bitmap, payer);
        (uint256 left,,,) = ticketBroker.getSenderInfo(payer);
        if (left != deposit) revert AnchorDepositChanged(deposit, left);
    }

    /// @dev One encoded call serves all tickets; eight words of it change from one to the next.
    function _redeem(bytes calldata payouts, uint256 tickets, uint256 bitmap, address payer) private {
        uint256 broker = uint160(address(ticketBroker));
        bytes memory call_ = _redeemCall(payouts, payer);
        // The session in front keeps a stray of another boot from having a ticket's hash.
        uint256 rand = (uint256(uint160(session)) << 64) | Payouts.firstPayoutId(payouts);
        uint256 failed = type(uint256).max;
        // Assembly, since a commit runs this up to 128 times: words are patched in place, lines are read without the
        // bounds check that `requireForm` has done for all, and nothing of the (empty) answer is copied.
        assembly ("memory-safe") {
            let input := add(call_, 32)
            let inputBytes := mload(call_)
            let line := add(payouts.offset, HEAD_BYTES)
            for { let i := 0 } lt(i, tickets) { i := add(i, 1) } {
                if and(bitmap, 1) {
                    let payee := calldataload(line)
                    let vs := calldataload(add(line, 64))
                    mstore(0, rand)
                    mstore(add(input, AT_RAND_HASH), keccak256(0, 32))
                    mstore(add(input, AT_RAND), rand)
                    mstore(add(input, AT_NONCE), and(rand, PAYOUT_ID_MASK))
                    mstore(add(input, AT_RECIPIENT), shr(96, payee))
                    mstore(add(input, AT_FACE_VALUE), and(payee, AMOUNT_MASK))
                    mstore(add(input, AT_R), calldataload(add(line, 32)))
                    mstore(add(input, AT_S), shr(1, shl(1, vs)))
                    mstore8(add(input, AT_V), add(27, shr(255, vs)))
                    if iszero(call(gas(), broker, 0, input, inputBytes, 0, 0)) {
                        failed := i
                        break
                    }
                }
                line := add(line, TICKET_BYTES)
                rand := add(rand, 1)
                bitmap := shr(1, bitmap)
            }
        }
        if (failed != type(uint256).max) _revertTicket(failed);
    }

    /// @dev The call with what all tickets of a commit share.
    function _redeemCall(bytes calldata payouts, address payer) private pure returns (bytes memory) {
        ITicketBroker.Ticket memory ticket;
        ticket.sender = payer;
        ticket.winProb = type(uint256).max;
        ticket.auxData = abi.encode(Payouts.round(payouts), Payouts.roundHash(payouts));
        return abi.encodeCall(ITicketBroker.redeemWinningTicket, (ticket, new bytes(SIGNATURE_BYTES), 0));
    }

    /// @dev Says which ticket failed and what the broker said, so that the host can name it in `skip`.
    function _revertTicket(uint256 index) private pure {
        bytes memory reason;
        assembly ("memory-safe") {
            reason := mload(64)
            mstore(reason, returndatasize())
            returndatacopy(add(reason, 32), 0, returndatasize())
            mstore(64, and(add(add(reason, returndatasize()), 63), not(31)))
        }
        revert AnchorTicketFailed(index, reason);
    }

    /// @dev A transfer that fails costs the payee his bit and nobody else anything: he chose the code that runs.
    function _payTransfers(bytes calldata payouts, uint256 offset, uint256 tickets, uint256 bitmap)
        private
        returns (uint256)
    {
        uint256 bit = 1 << tickets;
        unchecked {
            for (; offset < payouts.length; (offset += TRANSFER_BYTES, bit <<= 1)) {
                if (bitmap & bit == 0) continue;
                uint256 line = Payouts.word(payouts, offset);
                uint256 gasLeft = gasleft();
                if (gasLeft < TRANSFER_GAS_MIN) revert AnchorGas(TRANSFER_GAS_MIN, gasLeft);
                bool paid;
                // A plain call would copy whatever the recipient returns, at our expense.
                assembly ("memory-safe") {
                    paid := call(TRANSFER_GAS, shr(96, line), and(line, AMOUNT_MASK), 0, 0, 0, 0)
                }
                if (!paid) bitmap &= ~bit;
            }
        }
        return bitmap;
    }

    /// @dev The compare-and-swap: everything that a commit must match.
    function _requireNext(Commit calldata c, bytes32 payoutsHash, bytes calldata sig) private view {
        _requireThawed();
        if (session == address(0)) revert AnchorNoSession();
        if (c.epoch != epoch) revert AnchorWrongEpoch(epoch, c.epoch);
        if (c.sequence != uint256(sequence) + 1) revert AnchorWrongSequence(uint256(sequence) + 1, c.sequence);
        if (c.prev != head) revert AnchorStaleHead(head, c.prev);
        _requireSigned(session, keccak256(abi.encode(COMMIT_TYPEHASH, c)), sig);
        if (c.payoutsHash != payoutsHash) revert AnchorWrongPayouts(payoutsHash, c.payoutsHash);
    }

    function _requireNextEpoch(uint256 got) private view {
        uint256 expected = uint256(epoch) + 1;
        if (got != expected) revert AnchorWrongEpoch(expected, got);
    }

    function _requireThawed() private view {
        uint256 since = _frozenSince();
        if (since != 0) revert AnchorFrozen(since + FREEZE_MAX, block.timestamp);
    }

    /// @dev Asks for a freeze in force *now*: one that ended by itself is no ground for taking the ledger over.
    function _requireFrozenSince(uint256 latest) private view {
        uint256 since = _frozenSince();
        if (since == 0 || since > latest) revert AnchorNotFrozen(latest, since);
    }

    /// @dev When the freeze in force began; 0 when there is none.
    function _frozenSince() private view returns (uint256 since) {
        since = frozenAt;
        if (block.timestamp >= since + FREEZE_MAX) since = 0;
    }

    /// @dev The next authority starts without a session: the old instance is out in the same transaction.
    function _setAuthority(address newAuthority) private {
        authority = newAuthority;
        approvedAuthority = address(0);
        session = address(0);
        epoch += 1;
        emit AuthorityRotated(epoch, newAuthority);
    }

    /// @dev 65 bytes r ‖ s ‖ v with a low s. Every other form recovers the zero address here, which never signs.
    function _requireSigned(address signer, bytes32 structHash, bytes calldata sig) private view {
        address got;
        if (sig.length == SIGNATURE_BYTES && uint256(bytes32(sig[32:64])) <= SIGNATURE_S_MAX) {
            bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainSeparator, structHash));
            got = ecrecover(digest, uint8(sig[64]), bytes32(sig[0:32]), bytes32(sig[32:64]));
        }
        if (got != signer || got == address(0)) revert AnchorBadSignature(signer, got);
    }

    function _emitCommitted(Commit calldata c) private {
        emit Committed(c.epoch, c.sequence, c.prev, c.next, c.balanceRoot, c.logRoot, c.logSize);
    }
}
