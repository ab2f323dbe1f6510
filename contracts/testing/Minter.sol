// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IController} from "./IWorld.sol";
import {Managed} from "./Managed.sol";

/// @title Keeper of all ether of the world
contract Minter is Managed {
    /// @notice Takes the place of a constructor, since the code is put at a given address.
    function initialize(address controller_) external {
        require(address(controller) == address(0), "already initialized");
        controller = IController(controller_);
    }

    /// @notice Takes the ether that the broker was funded with.
    function depositETH() external payable returns (bool) {
        require(
            msg.sender == address(minter()) || msg.sender == ticketBroker(), "caller must be Minter or TicketBroker"
        );
        return true;
    }

    /// @notice Pays fees or a sender's withdrawal out.
    function trustedWithdrawETH(address payable to, uint256 amount) external whenSystemNotPaused {
        require(
            msg.sender == address(bondingManager()) || msg.sender == ticketBroker(),
            "caller must be BondingManager or TicketBroker"
        );
        (bool paid,) = to.call{value: amount}("");
        require(paid, "withdrawal failed");
    }
}
