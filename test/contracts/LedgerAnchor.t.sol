// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ILedgerAnchor} from "../../contracts/interfaces/ILedgerAnchor.sol";
import {ReenteringPayee} from "../../contracts/testing/Payees.sol";
import {TicketBroker} from "../../contracts/testing/TicketBroker.sol";
import {TicketBrokerV1} from "../../contracts/testing/TicketBrokerV1.sol";
import {TicketBrokerV2} from "../../contracts/testing/TicketBrokerV2.sol";
import {AnchorStage, Payee} from "./AnchorStage.sol";
import {VM} from "./Vm.sol";

/// @title Claims about the anchor, each for any input, under one version of the broker's rules
abstract contract LedgerAnchorClaims is AnchorStage {
    uint256 private constant CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// Head and sequence stay for any key but the session's, and move for that.
    function testFuzz_headMovesOnlyByTheSession(uint256 key, bytes32 next) public {
        key = 1 + key % (CURVE_ORDER - 1);
        VM.assume(key != sessionKey);
        ILedgerAnchor.Commit memory c = aCommit(next, 0);
        bytes memory foreign = signCommit(key, c);
        VM.expectPartialRevert(ILedgerAnchor.AnchorBadSignature.selector);
        anchor.commit(c, foreign);
        anchor.commit(c, signCommit(sessionKey, c));
        require(anchor.head() == next && anchor.sequence() == 1, "the honest commit did not land");
    }

    /// No other sequence, epoch or head than the next one passes, whatever the session signs.
    function testFuzz_onlyTheNextCommitLands(uint48 epoch, uint48 sequence, bytes32 prev) public {
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), 0);
        VM.assume(epoch != c.epoch || sequence != c.sequence || prev != c.prev);
        (c.epoch, c.sequence, c.prev) = (epoch, sequence, prev);
        bytes memory sig = signCommit(sessionKey, c);
        (bool landed,) = address(anchor).call(abi.encodeCall(anchor.commit, (c, sig)));
        require(!landed && anchor.sequence() == 0, "a commit out of line landed");
    }

    /// What leaves the treasury is the sum of the bits, and the head is the fold of them.
    function testFuzz_outflowIsTheBitmap(uint8 tickets, uint8 transfers, uint128 skip, uint64 wei_) public {
        Payee[] memory byTicket = _payees(tickets % 5, wei_, true);
        Payee[] memory byTransfer = _payees(transfers % 5, wei_, false);
        uint256 count = byTicket.length + byTransfer.length;
        VM.assume(count != 0);
        skip = uint128(skip & ((1 << count) - 1));
        bytes memory packed = pack(byTicket, byTransfer);
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(packed, skip));
        anchor.commitAndPay(c, packed, skip, signCommit(sessionKey, c));
        uint256 bitmap = ((1 << count) - 1) & ~uint256(skip);
        require(anchor.head() == keccak256(abi.encode(c.next, bitmap)), "the head is not the fold");
        uint256 paidWei;
        for (uint256 i = 0; i < count; i++) {
            Payee memory payee = i < byTicket.length ? byTicket[i] : byTransfer[i - byTicket.length];
            if (bitmap & (1 << i) != 0) paidWei += payee.amountWei;
        }
        require(address(anchor).balance == TREASURY_WEI - paidWei, "more or less left than was paid");
        require(depositWei() == 0, "a deposit stayed behind");
    }

    /// A donated deposit is neither spent nor grown by a commit.
    function testFuzz_depositReturnsToWhatItWas(uint64 donatedWei, uint64 wei_) public {
        broker.fundDepositAndReserveFor{value: donatedWei}(VM.addr(AUTHORITY_KEY), donatedWei, 0);
        bytes memory packed = pack(_payees(2, wei_, true), new Payee[](0));
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(packed, 0));
        anchor.commitAndPay(c, packed, 0, signCommit(sessionKey, c));
        require(depositWei() == donatedWei, "the donation moved");
    }

    /// 128 payouts at most.
    function testFuzz_atMost128Payouts(uint8 count) public {
        Payee[] memory many = _payees(count, 1, false);
        bytes memory packed = pack(new Payee[](0), many);
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(packed, 0));
        bytes memory sig = signCommit(sessionKey, c);
        (bool landed,) = address(anchor).call(abi.encodeCall(anchor.commitAndPay, (c, packed, 0, sig)));
        require(landed == (count != 0 && count <= 128), "the count decides");
    }

    /// Any bytes that are not the signed payouts are refused before a wei moves.
    function testFuzz_foreignPayoutsAreRefused(bytes calldata junk, uint128 skip) public {
        bytes memory packed = pack(_payees(1, 5, true), _payees(1, 5, false));
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(packed, 0));
        bytes memory sig = signCommit(sessionKey, c);
        VM.assume(keccak256(junk) != keccak256(packed));
        VM.expectPartialRevert(ILedgerAnchor.AnchorWrongPayouts.selector);
        anchor.commitAndPay(c, junk, skip, sig);
    }

    /// Any bytes at all that the session signs as payouts: paid by their bits, or refused as a whole.
    function testFuzz_signedJunkNeverMovesMoneyUnaccounted(bytes calldata junk, uint128 skip) public {
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(junk, skip));
        bytes memory sig = signCommit(sessionKey, c);
        (bool landed,) = address(anchor).call(abi.encodeCall(anchor.commitAndPay, (c, junk, skip, sig)));
        require(landed || address(anchor).balance == TREASURY_WEI, "a refused commit cost money");
        require(landed || anchor.sequence() == 0, "a refused commit counted");
    }

    /// While frozen nothing moves; after 30 days everything may again.
    function testFuzz_freezeHoldsThenEnds(uint32 seconds_) public {
        seconds_ %= 60 days;
        VM.prank(GUARDIAN);
        anchor.freeze();
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), 0);
        bytes memory sig = signCommit(sessionKey, c);
        uint256 since = anchor.frozenAt();
        VM.warp(since + seconds_);
        (bool landed,) = address(anchor).call(abi.encodeCall(anchor.commit, (c, sig)));
        require(landed == (seconds_ >= 30 days), "30 days decide");
    }

    /// guardianRotate: from the seventh day of a freeze in force to its end.
    function testFuzz_takeoverWindow(uint32 seconds_) public {
        seconds_ %= 37 days;
        VM.prank(GUARDIAN);
        anchor.freeze();
        VM.warp(uint256(anchor.frozenAt()) + seconds_);
        VM.prank(GUARDIAN);
        (bool passed,) = address(anchor).call(abi.encodeCall(anchor.guardianRotate, (address(0xbeef))));
        require(passed == (seconds_ >= 7 days && seconds_ < 30 days), "the window decides");
        require((anchor.authority() == address(0xbeef)) == passed, "authority follows the call");
    }

    /// A payee that redeems a stray ticket from inside the payment moves nothing.
    function testFuzz_reenteringPayeeMovesNothing(uint64 strayWei, uint64 faceWei) public {
        ReenteringPayee payee = new ReenteringPayee();
        address store = address(0xc0de);
        VM.etch(store, aStray(Payee(transcoder(5), uint96(strayWei) + 1)));
        payee.aim(address(broker), store);
        Payee[] memory one = new Payee[](1);
        one[0] = Payee(address(payee), 1);
        bytes memory packed = pack(_payees(2, faceWei, true), one);
        ILedgerAnchor.Commit memory c = aCommit(keccak256("next"), payoutsHashOf(packed, 0));
        anchor.commitAndPay(c, packed, 0, signCommit(sessionKey, c));
        require(bonding.pendingFees(transcoder(5), ROUND) == 0, "the stray was paid");
    }

    function _payees(uint256 count, uint64 wei_, bool registered) private pure returns (Payee[] memory list) {
        list = new Payee[](count);
        for (uint256 i = 0; i < count; i++) {
            list[i] = Payee(registered ? transcoder(i % 5) : address(uint160(0xE0A000 + i)), uint96(wei_ / 16 + i + 1));
        }
    }
}

contract LedgerAnchorV1Test is LedgerAnchorClaims {
    function setUp() public {
        openStage(new TicketBrokerV1());
    }
}

contract LedgerAnchorV2Test is LedgerAnchorClaims {
    function setUp() public {
        openStage(new TicketBrokerV2());
    }
}
