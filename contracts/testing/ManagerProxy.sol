// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IController} from "./IWorld.sol";
import {Managed} from "./Managed.sol";

/// @title A contract whose code the controller can exchange at any time
/// @notice Asks the controller for its target on every call and runs that on its own storage.
contract ManagerProxy is Managed {
    /// @notice Takes the place of a constructor, since the code is put at a given address.
    function initializeProxy(address controller_, bytes32 targetContractId_) external {
        require(address(controller) == address(0), "already initialized");
        controller = IController(controller_);
        targetContractId = targetContractId_;
    }

    receive() external payable {
        _delegate();
    }

    fallback() external payable {
        _delegate();
    }

    function _delegate() private {
        address target = controller.getContract(targetContractId);
        require(target != address(0), "target contract must be registered");
        assembly ("memory-safe") {
            let input := mload(0x40)
            calldatacopy(input, 0, calldatasize())
            let done := delegatecall(gas(), target, input, calldatasize(), 0, 0)
            let output := mload(0x40)
            returndatacopy(output, 0, returndatasize())
            if done { return(output, returndatasize()) }
            revert(output, returndatasize())
        }
    }
}
