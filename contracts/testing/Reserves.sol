// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IBondingManager} from "./IWorld.sol";
import {Managed} from "./Managed.sol";

/// @title The senders' reserves: a share for each active transcoder, anew each round
abstract contract Reserves is Managed {
    struct Reserve {
        uint256 funds;
        mapping(uint256 => uint256) claimedForRound;
        mapping(uint256 => mapping(address => uint256)) claimedByAddress;
    }

    struct ReserveInfo {
        uint256 fundsRemaining;
        uint256 claimedInCurrentRound;
    }

    mapping(address => Reserve) internal reserves;

    event ReserveFunded(address indexed reserveHolder, uint256 amount);
    event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount);

    function getReserveInfo(address holder) public view returns (ReserveInfo memory) {
        Reserve storage reserve = reserves[holder];
        return ReserveInfo(reserve.funds, reserve.claimedForRound[roundsManager().currentRound()]);
    }

    /// @notice What is left of the claimant's share this round; 0 when he is not active.
    function claimableReserve(address holder, address claimant) public view returns (uint256) {
        uint256 round = roundsManager().currentRound();
        IBondingManager bonding = bondingManager();
        if (!bonding.isActiveTranscoder(claimant)) return 0;
        uint256 poolSize = bonding.getTranscoderPoolSize();
        if (poolSize == 0) return 0;
        Reserve storage reserve = reserves[holder];
        uint256 total = reserve.funds + reserve.claimedForRound[round];
        return total / poolSize - reserve.claimedByAddress[round][claimant];
    }

    function claimedReserve(address holder, address claimant) external view returns (uint256) {
        return reserves[holder].claimedByAddress[roundsManager().currentRound()][claimant];
    }

    function _addReserve(address holder, uint256 amount) internal {
        reserves[holder].funds += amount;
        emit ReserveFunded(holder, amount);
    }

    function _claimFromReserve(address holder, address claimant, uint256 amount) internal returns (uint256 claimed) {
        uint256 claimable = claimableReserve(holder, claimant);
        claimed = amount > claimable ? claimable : amount;
        if (claimed == 0) return 0;
        uint256 round = roundsManager().currentRound();
        Reserve storage reserve = reserves[holder];
        reserve.claimedForRound[round] += claimed;
        reserve.claimedByAddress[round][claimant] += claimed;
        reserve.funds -= claimed;
        emit ReserveClaimed(holder, claimant, claimed);
    }
}
