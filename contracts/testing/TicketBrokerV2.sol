// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TicketBroker} from "./TicketBroker.sol";

/// @title Rules of July 2026: deposit and whole reserve must cover the face
contract TicketBrokerV2 is TicketBroker {
    function _requireFunds(uint256 deposit, uint256 reserve, uint256 faceValue) internal pure override {
        require(
            deposit + reserve >= faceValue, "sender deposit and reserve insufficient to cover ticket face value"
        );
    }
}
