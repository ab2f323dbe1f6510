// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title Recipients of transfers, one kind of malice each

/// @notice Calls back into whatever it was told to, with bytes that stand as the code of another account: storage
/// would cost more than the 30,000 gas it gets.
contract ReenteringPayee {
    address public target;
    address public payload;

    event Reentered(bool passed, bytes4 answer);

    function aim(address target_, address payload_) external {
        target = target_;
        payload = payload_;
    }

    receive() external payable {
        (bool passed, bytes memory answer) = target.call(payload.code);
        emit Reentered(passed, bytes4(answer));
    }
}

/// @notice Takes nothing.
contract RefusingPayee {
    receive() external payable {
        revert("no");
    }
}

/// @notice Burns what gas it gets.
contract GreedyPayee {
    receive() external payable {
        while (true) {}
    }
}

/// @notice Answers with as much as its gas buys, for the payer to copy.
contract ChattyPayee {
    receive() external payable {
        assembly {
            return(0, 20000)
        }
    }
}

/// @notice Refuses when it gets less than what every transfer is promised.
contract FussyPayee {
    receive() external payable {
        require(gasleft() > 29_000, "too little gas");
    }
}

/// @notice Tells in an event how much gas a call gave it.
contract MeteredPayee {
    event Given(uint256 gasLeft);

    receive() external payable {
        emit Given(gasleft());
    }
}
