using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>Gathers buckets of updated parameters in collectives of a limited length, each passing through one buffer.</summary>
/// <remarks>A stretch of every rank's piece travels at a time. Stretches of different ranks do not lie side by side in the bucket, hence
/// the buffer; a bucket within the limit needs none. Values are copied only, so the limit never changes them.</remarks>
internal sealed class PieceGather : IDisposable
{
    private readonly int _rank;
    private readonly int _ranks;
    private readonly int _stretch;
    private readonly AlignedBuffer? _passing;

    /// <param name="plan">The layout.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="limit">Elements of all ranks together in one collective; at least one of each travels.</param>
    public PieceGather(PartitionPlan plan, int rank, long limit)
    {
        _rank = rank;
        _ranks = plan.WorldSize;
        var passing = PassingElements(plan, limit);
        _stretch = (int)(passing / _ranks);
        _passing = passing > 0 ? new AlignedBuffer(passing * sizeof(float)) : null;
    }

    /// <summary>The bytes of the buffer.</summary>
    public long ByteLength => _passing?.ByteLength ?? 0;

    /// <summary>The elements of the buffer; 0 when every bucket that is gathered after updates is within the limit.</summary>
    public static long PassingElements(PartitionPlan plan, long limit)
    {
        var largest = plan.Buckets.Where(bucket => bucket.Offset >= plan.SharedOffset).Select(bucket => bucket.Length).DefaultIfEmpty().Max();
        return plan.WorldSize == 1 || largest <= limit ? 0 : Math.Max(1, limit / plan.WorldSize) * plan.WorldSize;
    }

    /// <summary>Collects the pieces of all ranks, in place: this rank's lies where it belongs. Collective.</summary>
    public void Gather(ICommunicator ranks, Span<float> bucket)
    {
        var piece = bucket.Length / _ranks;
        if (_passing is null || piece <= _stretch)
        {
            ranks.AllGather(bucket);
            return;
        }

        for (var start = 0; start < piece; start += _stretch)
        {
            var length = Math.Min(_stretch, piece - start);
            var passing = _passing.Span<float>(0, length * _ranks);
            bucket.Slice((_rank * piece) + start, length).CopyTo(passing[(_rank * length)..]);
            ranks.AllGather(passing);
            for (var rank = 0; rank < _ranks; rank++)
            {
                passing.Slice(rank * length, length).CopyTo(bucket[((rank * piece) + start)..]);
            }
        }
    }

    public void Dispose() => _passing?.Dispose();
}
