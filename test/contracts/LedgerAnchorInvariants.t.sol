// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LedgerAnchor} from "../../contracts/LedgerAnchor.sol";
import {ILedgerAnchor} from "../../contracts/interfaces/ILedgerAnchor.sol";
import {ReenteringPayee} from "../../contracts/testing/Payees.sol";
import {TicketBroker} from "../../contracts/testing/TicketBroker.sol";
import {TicketBrokerV1} from "../../contracts/testing/TicketBrokerV1.sol";
import {TicketBrokerV2} from "../../contracts/testing/TicketBrokerV2.sol";
import {AnchorStage, Payee} from "./AnchorStage.sol";
import {VM} from "./Vm.sol";

/// @title Whoever holds keys, calldata or the clock, acting at random
/// @notice Beside each act it keeps, in the plainest way, what the anchor must then show.
/// @dev In the file of the invariants, since the runner fuzzes only contracts of the files that it was given.
contract AnchorHandler is AnchorStage {
    bytes32 public expectedHead;
    uint256 public expectedSequence;
    uint256 public paidWei;
    uint256 public receivedWei = TREASURY_WEI;
    uint256 public donatedWei;
    uint256 public landed;
    uint256 public refusedFrozen;
    bool public movedWhileFrozen;
    bool public forgeryLanded;
    bool public strayRedeemed;
    bool public sessionMoved;

    ReenteringPayee private payee = new ReenteringPayee();

    constructor(TicketBroker target) {
        openStage(target);
    }

    function anchorOf() external view returns (LedgerAnchor) {
        return anchor;
    }

    function deposit() external view returns (uint256) {
        return depositWei();
    }

    /// The enclave pays whom it likes; the host names whom to skip.
    function pay(uint8 tickets, uint8 transfers, uint128 skip, uint32 wei_, bool reenter) external {
        Payee[] memory byTicket = new Payee[](tickets % 4);
        Payee[] memory byTransfer = new Payee[](1 + transfers % 3);
        for (uint256 i = 0; i < byTicket.length; i++) byTicket[i] = Payee(transcoder(i % 5), uint96(wei_) + 1);
        for (uint256 i = 0; i < byTransfer.length; i++) byTransfer[i] = Payee(address(uint160(0xE0A000 + i)), 1 + uint96(wei_));
        if (reenter) byTransfer[0].recipient = _aimedPayee();
        uint256 count = byTicket.length + byTransfer.length;
        _land(byTicket, byTransfer, uint128(skip & ((1 << count) - 1)));
    }

    /// The enclave anchors without paying.
    function commit(bytes32 next) external {
        ILedgerAnchor.Commit memory c = aCommit(next, 0);
        bytes memory sig = signCommit(sessionKey, c);
        (bool passed,) = address(anchor).call(abi.encodeCall(anchor.commit, (c, sig)));
        _note(passed);
        if (!passed) return;
        expectedHead = next;
        expectedSequence++;
    }

    /// Anyone signs with a key of his own, or changes one word of what the session signed.
    function forge(uint256 key, bytes32 next, uint8 word) external {
        ILedgerAnchor.Commit memory c = aCommit(next, 0);
        bytes memory sig = signCommit(key % 2 == 0 ? AUTHORITY_KEY : 1 + key % 2 ** 128, c);
        if (key % 3 == 0) {
            sig = signCommit(sessionKey, c);
            if (word % 4 == 0) c.next = ~c.next;
            else if (word % 4 == 1) c.prev = ~c.prev;
            else if (word % 4 == 2) c.sequence++;
            else c.epoch--;
        }
        (bool passed,) = address(anchor).call(abi.encodeCall(anchor.commit, (c, sig)));
        if (passed) forgeryLanded = true;
    }

    /// An enclave boots; with a stale head it must not.
    function boot(uint256 seed) external {
        (bytes32 head, uint256 sequence) = (anchor.head(), anchor.sequence());
        openSession(1 + uint256(keccak256(abi.encode(seed, anchor.epoch()))) % 2 ** 200);
        if (anchor.head() != head || anchor.sequence() != sequence) sessionMoved = true;
    }

    function freeze() external {
        VM.prank(GUARDIAN);
        anchor.freeze();
    }

    function unfreeze() external {
        VM.prank(GUARDIAN);
        anchor.unfreeze();
    }

    function wait_(uint32 seconds_) external {
        VM.warp(block.timestamp + seconds_ % 5 days);
    }

    function fund(uint32 wei_) external {
        VM.deal(address(this), wei_);
        (bool sent,) = address(anchor).call{value: wei_}("");
        require(sent, "the anchor takes ether");
        receivedWei += wei_;
    }

    /// Somebody gives to the authority's deposit.
    function donate(uint16 wei_) external {
        VM.deal(address(this), wei_);
        broker.fundDepositAndReserveFor{value: wei_}(VM.addr(AUTHORITY_KEY), wei_, 0);
        donatedWei += wei_;
    }

    /// A thief redeems a stray of more than anyone donated.
    function redeemStray(uint96 wei_) external {
        bytes memory call_ = aStray(Payee(transcoder(5), uint96(1 ether) + wei_ % 1 ether));
        uint256 before = depositWei();
        if (before != 0) return;
        (bool redeemed,) = address(broker).call(call_);
        if (redeemed) strayRedeemed = true;
    }

    function _land(Payee[] memory byTicket, Payee[] memory byTransfer, uint128 skip) private {
        bytes memory packed = pack(byTicket, byTransfer);
        ILedgerAnchor.Commit memory c = aCommit(keccak256(packed), payoutsHashOf(packed, skip));
        bytes memory sig = signCommit(sessionKey, c);
        uint256[] memory held = _balances(byTransfer);
        (bool passed,) = address(anchor).call(abi.encodeCall(anchor.commitAndPay, (c, packed, skip, sig)));
        _note(passed);
        if (!passed) return;
        uint256 bitmap = _settle(byTicket, byTransfer, skip, held);
        expectedHead = keccak256(abi.encode(c.next, bitmap));
        expectedSequence++;
        nextPayoutId += byTicket.length + byTransfer.length;
    }

    /// @dev A ticket that is not skipped is paid; a transfer is paid when its payee holds the money.
    function _settle(Payee[] memory byTicket, Payee[] memory byTransfer, uint128 skip, uint256[] memory held)
        private
        returns (uint256 bitmap)
    {
        for (uint256 i = 0; i < byTicket.length; i++) {
            if (skip & (1 << i) != 0) continue;
            bitmap |= 1 << i;
            paidWei += byTicket[i].amountWei;
        }
        for (uint256 i = 0; i < byTransfer.length; i++) {
            uint256 gotWei = byTransfer[i].recipient.balance - held[i];
            if (gotWei == 0) continue;
            bitmap |= 1 << (byTicket.length + i);
            paidWei += gotWei;
        }
    }

    function _balances(Payee[] memory list) private view returns (uint256[] memory held) {
        held = new uint256[](list.length);
        for (uint256 i = 0; i < list.length; i++) held[i] = list[i].recipient.balance;
    }

    /// @dev Written out here on its own: the anchor's word for "frozen" is what is under test.
    function _note(bool passed) private {
        uint256 since = anchor.frozenAt();
        bool frozen = since != 0 && block.timestamp < since + 30 days;
        if (passed) landed++;
        if (passed && frozen) movedWhileFrozen = true;
        if (!passed && frozen) refusedFrozen++;
        require(passed || frozen, "an honest commit was refused");
    }

    function _aimedPayee() private returns (address) {
        address store = address(0xc0de);
        VM.etch(store, aStray(Payee(transcoder(5), 3)));
        payee.aim(address(broker), store);
        return address(payee);
    }
}

/// @title What holds after every call of every random history
abstract contract LedgerAnchorInvariants {
    AnchorHandler internal handler;
    LedgerAnchor internal anchor;

    function _open(TicketBroker target) internal {
        handler = new AnchorHandler(target);
        anchor = handler.anchorOf();
    }

    /// The runner calls the handler, and nothing else, at random.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// The head is a function of the commits that landed and of their bitmaps.
    function invariant_headIsTheFoldOfWhatLanded() external view {
        require(anchor.head() == handler.expectedHead(), "head");
    }

    function invariant_sequenceCountsTheCommits() external view {
        require(anchor.sequence() == handler.expectedSequence(), "sequence");
    }

    /// Outflow of the treasury = amounts of the set bits of landed commits.
    function invariant_treasuryPaysTheBitsAndNothingElse() external view {
        require(address(anchor).balance + handler.paidWei() == handler.receivedWei(), "treasury");
    }

    /// The deposit at the broker is what was donated: no commit leaves money there or takes some.
    function invariant_depositIsWhatWasDonated() external view {
        require(handler.deposit() == handler.donatedWei(), "deposit");
    }

    function invariant_nothingMovesWhileFrozen() external view {
        require(!handler.movedWhileFrozen(), "moved");
    }

    function invariant_noForgeryLandsAndNoStrayIsPaid() external view {
        require(!handler.forgeryLanded() && !handler.strayRedeemed() && !handler.sessionMoved(), "forged");
    }

    /// Whatever happened before, 30 days later a commit lands.
    function invariant_noFreezeIsForEver() external {
        VM.warp(uint256(anchor.frozenAt()) + 30 days);
        uint256 before = anchor.sequence();
        handler.commit(keccak256("later"));
        require(anchor.sequence() == before + 1, "still frozen");
    }
}

contract LedgerAnchorInvariantsV1Test is LedgerAnchorInvariants {
    function setUp() public {
        _open(new TicketBrokerV1());
    }
}

contract LedgerAnchorInvariantsV2Test is LedgerAnchorInvariants {
    function setUp() public {
        _open(new TicketBrokerV2());
    }
}
