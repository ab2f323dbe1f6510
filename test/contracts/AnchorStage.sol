// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {LedgerAnchor} from "../../contracts/LedgerAnchor.sol";
import {ILedgerAnchor} from "../../contracts/interfaces/ILedgerAnchor.sol";
import {ITicketBroker} from "../../contracts/interfaces/ITicketBroker.sol";
import {BondingManager} from "../../contracts/testing/BondingManager.sol";
import {Controller} from "../../contracts/testing/Controller.sol";
import {ManagerProxy} from "../../contracts/testing/ManagerProxy.sol";
import {Minter} from "../../contracts/testing/Minter.sol";
import {RoundsManager} from "../../contracts/testing/RoundsManager.sol";
import {TicketBroker} from "../../contracts/testing/TicketBroker.sol";
import {TicketBrokerV1} from "../../contracts/testing/TicketBrokerV1.sol";
import {TicketBrokerV2} from "../../contracts/testing/TicketBrokerV2.sol";
import {VM} from "./Vm.sol";

/// @notice One payout of a test, ticket or transfer by the list it stands in.
struct Payee {
    address recipient;
    uint96 amountWei;
}

/// @title The Livepeer world, an anchor with a treasury, and the keys of its enclave
abstract contract AnchorStage {
    uint256 internal constant AUTHORITY_KEY = uint256(keccak256("authority"));
    uint256 internal constant TREASURY_WEI = 100 ether;
    uint256 internal constant ROUND = 3_800;
    bytes32 internal constant ROUND_HASH = keccak256("round");
    uint256 internal constant TRANSCODERS = 6;
    address internal constant GUARDIAN = address(0x6A0D1A);

    bytes32 private constant OPEN_TYPEHASH =
        keccak256("Open(uint48 epoch,bytes32 head,address session,bytes32 attestationDigest)");
    bytes32 private constant COMMIT_TYPEHASH = keccak256(
        "Commit(uint48 epoch,uint48 sequence,bytes32 prev,bytes32 next,bytes32 payoutsHash,bytes32 balanceRoot,bytes32 logRoot,uint64 logSize)"
    );

    Controller internal controller;
    TicketBroker internal broker;
    BondingManager internal bonding;
    RoundsManager internal rounds;
    LedgerAnchor internal anchor;
    uint256 internal sessionKey;
    uint256 internal nextPayoutId = 1;

    function openStage(TicketBroker target) internal {
        _openWorld(target);
        anchor = new LedgerAnchor(ITicketBroker(address(broker)), GUARDIAN);
        VM.prank(GUARDIAN);
        anchor.appointAuthority(VM.addr(AUTHORITY_KEY));
        VM.deal(address(anchor), TREASURY_WEI);
        openSession(uint256(keccak256("session 1")));
    }

    function openSession(uint256 key) internal {
        ILedgerAnchor.Open memory o = ILedgerAnchor.Open(anchor.epoch() + 1, anchor.head(), VM.addr(key), bytes32("doc"));
        bytes memory sig = signature(AUTHORITY_KEY, keccak256(abi.encode(OPEN_TYPEHASH, o)));
        anchor.openSession(o, sig);
        sessionKey = key;
    }

    /// @dev The next commit of this history.
    function aCommit(bytes32 next, bytes32 payoutsHash) internal view returns (ILedgerAnchor.Commit memory) {
        return ILedgerAnchor.Commit({
            epoch: anchor.epoch(),
            sequence: anchor.sequence() + 1,
            prev: anchor.head(),
            next: next,
            payoutsHash: payoutsHash,
            balanceRoot: keccak256("balances"),
            logRoot: keccak256("log"),
            logSize: 7
        });
    }

    function signCommit(uint256 key, ILedgerAnchor.Commit memory c) internal view returns (bytes memory) {
        return signature(key, keccak256(abi.encode(COMMIT_TYPEHASH, c)));
    }

    /// @dev Packs payouts and signs their tickets as the enclave does.
    function pack(Payee[] memory tickets, Payee[] memory transfers) internal view returns (bytes memory packed) {
        bool round = tickets.length != 0;
        packed = abi.encodePacked(
            uint64(round ? ROUND : 0), round ? ROUND_HASH : bytes32(0), uint64(nextPayoutId), uint16(tickets.length)
        );
        for (uint256 i = 0; i < tickets.length; i++) {
            (bytes32 r, bytes32 vs) = _signTicket(tickets[i], nextPayoutId + i, VM.addr(sessionKey));
            packed = abi.encodePacked(packed, tickets[i].recipient, tickets[i].amountWei, r, vs);
        }
        for (uint256 i = 0; i < transfers.length; i++) {
            packed = abi.encodePacked(packed, transfers[i].recipient, transfers[i].amountWei);
        }
    }

    function payoutsHashOf(bytes memory packed, uint128 skip) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(packed, skip));
    }

    function depositWei() internal view returns (uint256) {
        (TicketBroker.Sender memory sender,) = broker.getSenderInfo(VM.addr(AUTHORITY_KEY));
        return sender.deposit;
    }

    function transcoder(uint256 i) internal pure returns (address) {
        return address(uint160(0x7000 + i % TRANSCODERS));
    }

    /// @dev A ticket of this authority from another session, and what redeems it.
    function aStray(Payee memory payee) internal view returns (bytes memory call_) {
        (TicketBroker.Ticket memory ticket, uint256 rand) = _ticket(payee, 1, address(0x0ddb07));
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(AUTHORITY_KEY, _ethHash(broker.getTicketHash(ticket)));
        return abi.encodeCall(TicketBroker.redeemWinningTicket, (ticket, abi.encodePacked(r, s, v), rand));
    }

    function signature(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Anchorhold"),
                keccak256("1"),
                block.chainid,
                address(anchor)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    function _signTicket(Payee memory payee, uint256 id, address session) private view returns (bytes32 r, bytes32 vs) {
        (TicketBroker.Ticket memory ticket,) = _ticket(payee, id, session);
        uint8 v;
        bytes32 s;
        (v, r, s) = VM.sign(AUTHORITY_KEY, _ethHash(broker.getTicketHash(ticket)));
        vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
    }

    function _ticket(Payee memory payee, uint256 id, address session)
        private
        pure
        returns (TicketBroker.Ticket memory ticket, uint256 rand)
    {
        rand = (uint256(uint160(session)) << 64) | id;
        ticket = TicketBroker.Ticket({
            recipient: payee.recipient,
            sender: VM.addr(AUTHORITY_KEY),
            faceValue: payee.amountWei,
            winProb: type(uint256).max,
            senderNonce: id,
            recipientRandHash: keccak256(abi.encode(rand)),
            auxData: abi.encode(ROUND, ROUND_HASH)
        });
    }

    function _ethHash(bytes32 ticketHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", ticketHash));
    }

    function _openWorld(TicketBroker target) private {
        controller = new Controller();
        controller.initialize(address(this));
        _register("TicketBrokerTarget", address(target));
        _register("RoundsManagerTarget", address(new RoundsManager()));
        _register("BondingManagerTarget", address(new BondingManager()));
        broker = TicketBroker(_proxy("TicketBroker"));
        rounds = RoundsManager(_proxy("RoundsManager"));
        bonding = BondingManager(_proxy("BondingManager"));
        Minter minter = new Minter();
        minter.initialize(address(controller));
        _register("Minter", address(minter));
        rounds.startRounds(ROUND, 5_760);
        broker.setUnlockPeriod(2);
        broker.setTicketValidityPeriod(2);
        address[] memory list = new address[](TRANSCODERS);
        for (uint256 i = 0; i < TRANSCODERS; i++) list[i] = transcoder(i);
        bonding.bondTranscoders(list, 1_000 ether, ROUND);
        rounds.initializeRound();
        // The runner's chain has no past blocks, so the round's hash is put where the contract keeps it.
        VM.store(address(rounds), keccak256(abi.encode(ROUND, 7)), ROUND_HASH);
    }

    function _proxy(string memory name) private returns (address payable) {
        ManagerProxy proxy = new ManagerProxy();
        proxy.initializeProxy(address(controller), keccak256(abi.encodePacked(name, "Target")));
        _register(name, address(proxy));
        return payable(address(proxy));
    }

    function _register(string memory name, address where) private {
        controller.setContractInfo(keccak256(bytes(name)), where, bytes20(0));
    }
}
