// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {EarningsPool} from "./EarningsPool.sol";
import {Managed} from "./Managed.sol";

/// @title Transcoders, their stake and their fees
/// @notice Runs behind a ManagerProxy. Of the deployed contract it keeps what a payer and a payee meet: who can be
/// paid, what the payment touches in storage, and how the payee gets his ether. Every transcoder is his only delegator.
contract BondingManager is Managed {
    using EarningsPool for EarningsPool.Data;

    struct Transcoder {
        uint256 lastRewardRound;
        uint256 rewardCut;
        uint256 feeShare;
        mapping(uint256 => EarningsPool.Data) earningsPoolPerRound;
        uint256 lastActiveStakeUpdateRound;
        uint256 activationRound;
        uint256 deactivationRound;
        uint256 activeCumulativeRewards;
        uint256 cumulativeRewards;
        uint256 cumulativeFees;
        uint256 lastFeeRound;
    }

    struct Delegator {
        uint256 bondedAmount;
        uint256 fees;
        address delegateAddress;
        uint256 delegatedAmount;
        uint256 startRound;
        uint256 lastClaimRound;
    }

    // Half of the fees go to the delegators, as a share in millionths.
    uint256 private constant FEE_SHARE = 500_000;
    uint256 private constant REWARD_CUT = 100_000;

    uint64 public unbondingPeriod;
    mapping(address => Delegator) private delegators;
    mapping(address => Transcoder) private transcoders;
    uint256 public currentRoundTotalActiveStake;
    uint256 public nextRoundTotalActiveStake;
    uint256 private poolSize;
    address private poolFirst;
    address private poolLast;
    mapping(address => address) private poolNext;

    event Bond(
        address indexed newDelegate,
        address indexed oldDelegate,
        address indexed delegator,
        uint256 additionalAmount,
        uint256 bondedAmount
    );
    event TranscoderActivated(address indexed transcoder, uint256 activationRound);
    event TranscoderDeactivated(address indexed transcoder, uint256 deactivationRound);
    event WithdrawFees(address indexed delegator, address recipient, uint256 amount);

    /// @notice Registers transcoders with `stake` each, active from `activationRound` on.
    /// @dev In place of bonding tokens, for the controller's owner. The current round makes them active at once; the
    /// next one leaves them registered and never active until it begins, which is when a payment panics with 0x12.
    function bondTranscoders(address[] calldata list, uint256 stake, uint256 activationRound)
        external
        onlyControllerOwner
    {
        uint256 round = roundsManager().currentRound();
        for (uint256 i = 0; i < list.length; i++) {
            _bond(list[i], stake, round);
            _activate(list[i], stake, activationRound);
        }
        nextRoundTotalActiveStake += stake * list.length;
    }

    /// @notice Takes a transcoder out of the active set from the next round on; he stays registered.
    function deactivate(address transcoder) external onlyControllerOwner {
        uint256 round = roundsManager().currentRound() + 1;
        transcoders[transcoder].deactivationRound = round;
        _leavePool(transcoder);
        emit TranscoderDeactivated(transcoder, round);
    }

    /// @notice Books fees for a transcoder. The ether stays with the Minter.
    function updateTranscoderWithFees(address transcoder, uint256 fees, uint256) external whenSystemNotPaused {
        require(msg.sender == ticketBroker(), "caller must be TicketBroker");
        require(isRegisteredTranscoder(transcoder), "transcoder must be registered");
        uint256 round = roundsManager().currentRound();
        Transcoder storage t = transcoders[transcoder];
        EarningsPool.Data storage pool = t.earningsPoolPerRound[round];
        EarningsPool.Data memory previous = _latestFactors(t, round - 1);
        uint256 rewards = t.activeCumulativeRewards;
        if (round > t.lastRewardRound) {
            _openPool(t, pool, round);
            rewards = t.cumulativeRewards;
        }
        uint256 delegatorsFees = EarningsPool.percOf(fees, pool.transcoderFeeShare);
        uint256 rewardStakeFees = EarningsPool.precisePercOf(delegatorsFees, rewards, pool.totalStake);
        t.cumulativeFees = t.cumulativeFees + rewardStakeFees + (fees - delegatorsFees);
        pool.addFees(previous, delegatorsFees);
        t.lastFeeRound = round;
    }

    /// @notice Pays the caller's fees out to `to`. What came in the round of the last claim waits for the next one.
    function withdrawFees(address payable to, uint256 amount) external whenSystemNotPaused whenRoundInitialized {
        _claimEarnings(msg.sender);
        require(to != address(0), "invalid recipient");
        Delegator storage d = delegators[msg.sender];
        require(d.fees >= amount, "insufficient fees to withdraw");
        d.fees -= amount;
        minter().trustedWithdrawETH(to, amount);
        emit WithdrawFees(msg.sender, to, amount);
    }

    function setCurrentRoundTotalActiveStake() external {
        require(msg.sender == address(roundsManager()), "caller must be RoundsManager");
        currentRoundTotalActiveStake = nextRoundTotalActiveStake;
    }

    /// @notice Fees that `delegator` could withdraw in `endRound`.
    function pendingFees(address delegator, uint256 endRound) public view returns (uint256 fees) {
        Delegator storage d = delegators[delegator];
        fees = d.fees;
        if (d.lastClaimRound >= endRound) return fees;
        Transcoder storage t = transcoders[d.delegateAddress];
        EarningsPool.Data memory start = _latestFactors(t, d.lastClaimRound);
        fees += EarningsPool.feesBetween(start, _latestFactors(t, endRound), d.bondedAmount) + t.cumulativeFees;
    }

    function getTranscoderPoolSize() external view returns (uint256) {
        return poolSize;
    }

    function getFirstTranscoderInPool() external view returns (address) {
        return poolFirst;
    }

    function getNextTranscoderInPool(address transcoder) external view returns (address) {
        return poolNext[transcoder];
    }

    function isActiveTranscoder(address transcoder) external view returns (bool) {
        Transcoder storage t = transcoders[transcoder];
        uint256 round = roundsManager().currentRound();
        return t.activationRound <= round && round < t.deactivationRound;
    }

    function isRegisteredTranscoder(address transcoder) public view returns (bool) {
        Delegator storage d = delegators[transcoder];
        return d.delegateAddress == transcoder && d.bondedAmount > 0;
    }

    function _bond(address transcoder, uint256 stake, uint256 round) private {
        Delegator storage d = delegators[transcoder];
        require(d.bondedAmount == 0, "already bonded");
        d.bondedAmount = stake;
        d.delegateAddress = transcoder;
        d.delegatedAmount = stake;
        d.startRound = round + 1;
        // One round early, so that the first withdrawal need not wait for the next round.
        d.lastClaimRound = round - 1;
        emit Bond(transcoder, address(0), transcoder, stake, stake);
    }

    function _activate(address transcoder, uint256 stake, uint256 activationRound) private {
        Transcoder storage t = transcoders[transcoder];
        t.rewardCut = REWARD_CUT;
        t.feeShare = FEE_SHARE;
        t.activationRound = activationRound;
        t.deactivationRound = type(uint256).max;
        t.lastActiveStakeUpdateRound = activationRound;
        t.earningsPoolPerRound[activationRound].totalStake = stake;
        if (poolSize == 0) poolFirst = transcoder;
        else poolNext[poolLast] = transcoder;
        poolLast = transcoder;
        poolSize++;
        emit TranscoderActivated(transcoder, activationRound);
    }

    function _leavePool(address transcoder) private {
        address before = address(0);
        for (address current = poolFirst; current != transcoder; current = poolNext[current]) {
            require(current != address(0), "transcoder is not in the pool");
            before = current;
        }
        if (before == address(0)) poolFirst = poolNext[transcoder];
        else poolNext[before] = poolNext[transcoder];
        if (poolLast == transcoder) poolLast = before;
        poolNext[transcoder] = address(0);
        poolSize--;
    }

    /// @dev Sets what the transcoder's reward call would have set. Without a stake carried over, the pool stays empty.
    function _openPool(Transcoder storage t, EarningsPool.Data storage pool, uint256 round) private {
        pool.transcoderRewardCut = t.rewardCut;
        pool.transcoderFeeShare = t.feeShare;
        uint256 lastUpdateRound = t.lastActiveStakeUpdateRound;
        if (lastUpdateRound < round) pool.totalStake = t.earningsPoolPerRound[lastUpdateRound].totalStake;
    }

    function _claimEarnings(address delegator) private {
        uint256 round = roundsManager().currentRound();
        Delegator storage d = delegators[delegator];
        if (d.lastClaimRound >= round) return;
        d.fees = pendingFees(delegator, round);
        transcoders[delegator].cumulativeFees = 0;
        d.lastClaimRound = round;
    }

    /// @dev The factors of `round`, or the latest before it when nothing happened in it.
    function _latestFactors(Transcoder storage t, uint256 round) private view returns (EarningsPool.Data memory pool) {
        pool = _factors(t, round);
        uint256 lastRewardRound = t.lastRewardRound;
        if (pool.cumulativeRewardFactor == 0 && lastRewardRound < round) {
            pool.cumulativeRewardFactor = _factors(t, lastRewardRound).cumulativeRewardFactor;
        }
        uint256 lastFeeRound = t.lastFeeRound;
        if (pool.cumulativeFeeFactor == 0 && lastFeeRound < round) {
            pool.cumulativeFeeFactor = _factors(t, lastFeeRound).cumulativeFeeFactor;
        }
    }

    function _factors(Transcoder storage t, uint256 round) private view returns (EarningsPool.Data memory pool) {
        pool.cumulativeRewardFactor = t.earningsPoolPerRound[round].cumulativeRewardFactor;
        pool.cumulativeFeeFactor = t.earningsPoolPerRound[round].cumulativeFeeFactor;
    }
}
