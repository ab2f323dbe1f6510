// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Reserves} from "./Reserves.sol";

/// @title The broker's rules, without the one that tells its versions apart
/// @notice Runs behind a ManagerProxy. Slots 2 to 6 lie where the deployed contract has them: usedTickets is slot 5.
/// @dev The order of checks and their words are the deployed contract's: clients read them.
abstract contract TicketBroker is Reserves {
    struct Sender {
        uint256 deposit;
        uint256 withdrawRound;
    }

    struct Ticket {
        address recipient;
        address sender;
        uint256 faceValue;
        uint256 winProb;
        uint256 senderNonce;
        bytes32 recipientRandHash;
        bytes auxData;
    }

    uint256 private constant S_MAX = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    mapping(address => Sender) internal senders;
    uint256 public unlockPeriod;
    mapping(bytes32 => bool) public usedTickets;
    uint256 public ticketValidityPeriod;

    event DepositFunded(address indexed sender, uint256 amount);
    event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount);
    event WinningTicketRedeemed(
        address indexed sender,
        address indexed recipient,
        uint256 faceValue,
        uint256 winProb,
        uint256 senderNonce,
        uint256 recipientRand,
        bytes auxData
    );
    event Unlock(address indexed sender, uint256 startRound, uint256 endRound);
    event UnlockCancelled(address indexed sender);
    event Withdrawal(address indexed sender, uint256 deposit, uint256 reserve);

    function setUnlockPeriod(uint256 rounds) external onlyControllerOwner {
        unlockPeriod = rounds;
        emit ParameterUpdate("unlockPeriod");
    }

    function setTicketValidityPeriod(uint256 rounds) external onlyControllerOwner {
        require(rounds > 0, "ticketValidityPeriod must be greater than 0");
        ticketValidityPeriod = rounds;
        emit ParameterUpdate("ticketValidityPeriod");
    }

    function fundDeposit() external payable whenSystemNotPaused {
        _addDeposit(msg.sender, msg.value);
        minter().depositETH{value: msg.value}();
        emit DepositFunded(msg.sender, msg.value);
    }

    function fundReserve() external payable whenSystemNotPaused {
        _addToReserve(msg.sender, msg.value);
        minter().depositETH{value: msg.value}();
    }

    function fundDepositAndReserve(uint256 deposit, uint256 reserve) external payable {
        fundDepositAndReserveFor(msg.sender, deposit, reserve);
    }

    function fundDepositAndReserveFor(address who, uint256 deposit, uint256 reserve)
        public
        payable
        whenSystemNotPaused
    {
        require(msg.value == deposit + reserve, "msg.value does not equal sum of deposit amount and reserve amount");
        _addDeposit(who, deposit);
        _addToReserve(who, reserve);
        minter().depositETH{value: msg.value}();
        emit DepositFunded(who, deposit);
    }

    function redeemWinningTicket(Ticket memory ticket, bytes memory sig, uint256 recipientRand)
        public
        virtual
        whenSystemNotPaused
        whenRoundInitialized
    {
        bytes32 ticketHash = getTicketHash(ticket);
        _requireWinner(ticket, ticketHash, sig, recipientRand);
        Sender storage sender = senders[ticket.sender];
        require(_isLocked(sender), "sender is unlocked");
        _requireFunds(sender.deposit, reserves[ticket.sender].funds, ticket.faceValue);
        usedTickets[ticketHash] = true;
        _pay(ticket, sender);
        emit WinningTicketRedeemed(
            ticket.sender,
            ticket.recipient,
            ticket.faceValue,
            ticket.winProb,
            ticket.senderNonce,
            recipientRand,
            ticket.auxData
        );
    }

    /// @notice Redeems what can be redeemed and says nothing about the rest: status 1 is no proof of payment.
    function batchRedeemWinningTickets(
        Ticket[] memory tickets,
        bytes[] memory sigs,
        uint256[] memory recipientRands
    ) external whenSystemNotPaused whenRoundInitialized {
        for (uint256 i = 0; i < tickets.length; i++) {
            bytes memory call_ = abi.encodeCall(this.redeemWinningTicket, (tickets[i], sigs[i], recipientRands[i]));
            (bool redeemed,) = address(this).call(call_);
            redeemed;
        }
    }

    function unlock() external whenSystemNotPaused {
        Sender storage sender = senders[msg.sender];
        require(sender.deposit > 0 || reserves[msg.sender].funds > 0, "sender deposit and reserve are zero");
        require(sender.withdrawRound == 0, "unlock already initiated");
        uint256 round = roundsManager().currentRound();
        sender.withdrawRound = round + unlockPeriod;
        emit Unlock(msg.sender, round, sender.withdrawRound);
    }

    function cancelUnlock() external whenSystemNotPaused {
        require(senders[msg.sender].withdrawRound > 0, "no unlock request in progress");
        _cancelUnlock(msg.sender);
    }

    function withdraw() external whenSystemNotPaused {
        Sender storage sender = senders[msg.sender];
        uint256 deposit = sender.deposit;
        uint256 reserve = reserves[msg.sender].funds;
        require(deposit > 0 || reserve > 0, "sender deposit and reserve are zero");
        require(sender.withdrawRound > 0, "no unlock request in progress");
        require(!_isLocked(sender), "account is locked");
        sender.deposit = 0;
        reserves[msg.sender].funds = 0;
        minter().trustedWithdrawETH(payable(msg.sender), deposit + reserve);
        emit Withdrawal(msg.sender, deposit, reserve);
    }

    function isUnlockInProgress(address who) external view returns (bool) {
        return senders[who].withdrawRound > 0;
    }

    function getSenderInfo(address who) external view returns (Sender memory sender, ReserveInfo memory reserve) {
        return (senders[who], getReserveInfo(who));
    }

    /// @notice keccak256 of the packed fields: no chain, no contract, so the same ticket is good at every broker.
    function getTicketHash(Ticket memory ticket) public pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                ticket.recipient,
                ticket.sender,
                ticket.faceValue,
                ticket.winProb,
                ticket.senderNonce,
                ticket.recipientRandHash,
                ticket.auxData
            )
        );
    }

    /// @dev The one rule in which the versions differ.
    function _requireFunds(uint256 deposit, uint256 reserve, uint256 faceValue) internal pure virtual;

    function _requireWinner(Ticket memory ticket, bytes32 ticketHash, bytes memory sig, uint256 rand) private view {
        require(ticket.recipient != address(0), "ticket recipient is null address");
        require(ticket.sender != address(0), "ticket sender is null address");
        _requireRound(ticket.auxData);
        require(
            keccak256(abi.encodePacked(rand)) == ticket.recipientRandHash,
            "recipientRand does not match recipientRandHash"
        );
        require(!usedTickets[ticketHash], "ticket is used");
        require(_signer(ticketHash, sig) == ticket.sender, "invalid signature over ticket hash");
        require(uint256(keccak256(abi.encodePacked(sig, rand))) < ticket.winProb, "ticket did not win");
    }

    function _requireRound(bytes memory auxData) private view {
        (uint256 round, bytes32 hash) = _roundOf(auxData);
        bytes32 known = roundsManager().blockHashForRound(round);
        require(known != bytes32(0), "ticket creationRound does not have a block hash");
        require(hash == known, "ticket creationRoundBlockHash invalid for creationRound");
        require(round + ticketValidityPeriod > roundsManager().currentRound(), "ticket is expired");
    }

    function _roundOf(bytes memory auxData) private pure returns (uint256 round, bytes32 hash) {
        require(auxData.length == 64, "invalid length for ticket auxData: must be 64 bytes");
        return abi.decode(auxData, (uint256, bytes32));
    }

    function _signer(bytes32 ticketHash, bytes memory sig) private pure returns (address signer) {
        require(sig.length == 65, "INVALID_SIGNATURE_LENGTH");
        (bytes32 r, bytes32 s) = abi.decode(sig, (bytes32, bytes32));
        uint8 v = uint8(sig[64]);
        require(uint256(s) <= S_MAX, "ECDSA: invalid signature 's' value");
        require(v == 27 || v == 28, "ECDSA: invalid signature 'v' value");
        signer = ecrecover(keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", ticketHash)), v, r, s);
        require(signer != address(0), "ECDSA: invalid signature");
    }

    /// @dev From the deposit, then from the recipient's share of the reserve; what is missing then is lost to him.
    function _pay(Ticket memory ticket, Sender storage sender) private {
        uint256 amount = ticket.faceValue;
        if (ticket.faceValue > sender.deposit) {
            uint256 missing = ticket.faceValue - sender.deposit;
            amount = sender.deposit + _claimFromReserve(ticket.sender, ticket.recipient, missing);
            sender.deposit = 0;
        } else {
            sender.deposit -= ticket.faceValue;
        }
        if (amount == 0) return;
        (uint256 round,) = _roundOf(ticket.auxData);
        bondingManager().updateTranscoderWithFees(ticket.recipient, amount, round);
        emit WinningTicketTransfer(ticket.sender, ticket.recipient, amount);
    }

    function _addDeposit(address who, uint256 amount) private {
        senders[who].deposit += amount;
        _cancelOwnUnlock(who);
    }

    function _addToReserve(address who, uint256 amount) private {
        _addReserve(who, amount);
        _cancelOwnUnlock(who);
    }

    /// @dev Only the sender's own funding ends his unlock: others could hold his money for ever otherwise.
    function _cancelOwnUnlock(address who) private {
        if (who == msg.sender && senders[who].withdrawRound > 0) _cancelUnlock(who);
    }

    function _cancelUnlock(address who) private {
        senders[who].withdrawRound = 0;
        emit UnlockCancelled(who);
    }

    function _isLocked(Sender memory sender) private view returns (bool) {
        return sender.withdrawRound == 0 || roundsManager().currentRound() < sender.withdrawRound;
    }
}
