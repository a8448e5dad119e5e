using System.Runtime.InteropServices;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding;

/// <content>Whole parameters one at a time, for who writes them to a file.</content>
public sealed partial class ZeroEngine
{
    private const int NoMore = -1;

    /// <summary>Lets rank 0 read whole parameters, any of them in any order and as often as it likes. At stage 3 only the one that is read is
    /// whole, and the other ranks take part in gathering it. Between updates. Collective.</summary>
    /// <param name="use">What rank 0 does with them. Its exception is thrown on rank 0 alone, after the other ranks were let go.</param>
    public void Lend(Action<ParameterValue> use)
    {
        ArgumentNullException.ThrowIfNull(use);
        var isFirst = Communicator.Rank == 0;
        if (Plan.SharedOffset == 0)
        {
            if (isFirst)
            {
                use(Parameter);
            }

            return;
        }

        var largest = Enumerable.Range(0, Plan.Parameters.Count).Where(Plan.IsGathered).Max(Plan.GatheredElements);
        using var passing = new AlignedBuffer(largest * sizeof(float));
        if (!isFirst)
        {
            for (var index = Announce(NoMore); index != NoMore; index = Announce(NoMore))
            {
                Gather(index, passing);
            }

            return;
        }

        var connected = true;
        try
        {
            use(Value);
        }
        catch (MpiException)
        {
            connected = false;
            throw;
        }
        finally
        {
            if (connected)
            {
                Announce(NoMore);
            }
        }

        ReadOnlySpan<float> Value(string name)
        {
            var index = Plan.IndexOf(name);
            if (!Plan.IsGathered(index))
            {
                return Parameter(name);
            }

            Gather(Announce(index), passing);
            return passing.Span<float>(0, checked((int)Plan.Parameters[index].Length));
        }
    }

    // What rank 0 says, on every rank.
    private int Announce(int parameter)
    {
        Communicator.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref parameter)), root: 0);
        return parameter;
    }

    private void Gather(int parameter, AlignedBuffer target)
    {
        var planned = Plan.Parameters[parameter];
        for (var bucket = Plan.BucketAt(planned.Offset); bucket < Plan.Buckets.Count && Plan.Buckets[bucket].Offset < planned.Offset + planned.Length; bucket++)
        {
            var stretch = Plan.Buckets[bucket];
            _parameters.Gather(Communicator, stretch, target.Span<float>(stretch.Offset - planned.Offset, (int)stretch.Length));
        }
    }
}
