using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// What an optimizer may use to find out something of whole tensors: the ranges this rank updates, and sums over blocks of 256
/// elements that come out the same however the blocks are divided.
/// </summary>
internal sealed class OptimizerPass(ShardedOptimizer owner, PartitionPlan plan, ICommunicator communicator, bool sharded)
{
    private readonly Lazy<BlockSums> _firstSums = new(() => owner.CreateSums());
    private readonly Lazy<BlockSums> _secondSums = new(() => owner.CreateSums());

    /// <summary>The layout.</summary>
    public PartitionPlan Plan => plan;

    /// <summary>The ranks.</summary>
    public ICommunicator Communicator => communicator;

    /// <summary>Whether this rank's ranges are its shard (from stage 1); else they are the whole model, the same on every rank.</summary>
    public bool Sharded => sharded;

    /// <summary>The number of a parameter's update, from 1; those it slept through do not count.</summary>
    public long UpdateOf(int parameter) => owner.UpdateOf(parameter);

    /// <summary>The number of ranges of parameters that are trained now.</summary>
    public int Count => owner.Count;

    /// <summary>The ranges of a rank, cut as its own are.</summary>
    public IReadOnlyList<ShardRange> RangesOf(int rank) => owner.ShardOf(rank);

    /// <summary>A range, valid until the next is asked for; they come in the order of the layout.</summary>
    public RangeContext this[int index] => owner.ContextOf(index);

    /// <summary>Sums that an optimizer may use as it likes.</summary>
    public BlockSums FirstSums => _firstSums.Value;

    /// <summary>Another such set.</summary>
    public BlockSums SecondSums => _secondSums.Value;

    /// <summary>Whether a parameter is trained now.</summary>
    public bool IsTrained(int parameter) => owner.IsTrained(parameter);
}
