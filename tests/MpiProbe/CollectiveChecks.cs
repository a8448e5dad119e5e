using OrtZero.Mpi;
using OrtZero.Mpi.Internal;

namespace OrtZero.MpiProbe;

/// <summary>Checks of every operation against values computed from rank numbers, each verified on every rank.</summary>
internal sealed class CollectiveChecks(ICommunicator communicator) : Checks(communicator)
{
    public void Run()
    {
        Check("ranks are distinct and within the machine", Ranks);
        Check("barrier", Communicator.Barrier);
        Check("a rank leaves a barrier only after all entered it", BarrierWaits);
        foreach (var length in (int[])[0, 1, 1000, 300_001])
        {
            Check($"broadcast of {length} bytes from every root", () => Broadcast(length));
            Check($"all-reduce of {length} floats", () => AllReduceFloats(length));
            Check($"all-reduce of {length} doubles and integers", () => AllReduceWide(length));
            Check($"all-gather of {length} bytes each", () => AllGatherBytes(length));
            Check($"all-gather of {length} floats each in place", () => AllGatherFloats(length));
            Check($"reduce-scatter of {length} floats each", () => ReduceScatter(length));
            Check($"all-to-all of {length} floats each", () => AllToAll(length));
        }

        Check("messages and pieces smaller than the data", SmallPieces);
        Check("reduce-scatter is the same to the bit when repeated", RepeatedReduceScatter);
        Check("all-gather of different lengths", AllGatherVariable);
        Check("send and receive around the ring", Ring);
        Check("an empty message", EmptyMessage);
    }

    private void Ranks()
    {
        var all = new byte[Size];
        Communicator.AllGather([(byte)Rank], all);
        Equal(all, index => (byte)index);
        True(Communicator.LocalSize == Size && Communicator.LocalRank == Rank, "local ranks differ from ranks on one machine");
    }

    private void BarrierWaits()
    {
        var path = Path.Combine(Path.GetTempPath(), "ortzero-probe-" + Environment.GetEnvironmentVariable("PROBE_ID"));
        if (Rank == Size - 1)
        {
            Thread.Sleep(50);
            File.WriteAllText(path, "entered");
        }

        Communicator.Barrier();
        True(File.Exists(path), "the last rank had not entered");
        Communicator.Barrier();
        if (Rank == Size - 1)
        {
            File.Delete(path);
        }
    }

    private void Broadcast(int length)
    {
        for (var root = 0; root < Size; root++)
        {
            var data = new byte[length];
            if (Rank == root)
            {
                Fill(data, index => (byte)(index + root + 1));
            }

            Communicator.Broadcast(data, root);
            var sender = root;
            Equal(data, index => (byte)(index + sender + 1));
        }
    }

    private void AllReduceFloats(int length)
    {
        var data = new float[length];
        Fill(data, index => (index % 100) + Rank);
        Communicator.AllReduce(data, ReduceOperation.Sum);
        Equal(data, index => ((index % 100) * Size) + (Size * (Size - 1) / 2));
        Fill(data, index => ((index % 2) * 2 - 1) * Rank);
        Communicator.AllReduce(data, ReduceOperation.Max);
        Equal(data, index => index % 2 == 0 ? 0 : Size - 1);
        Fill(data, index => ((index % 2) * 2 - 1) * Rank);
        Communicator.AllReduce(data, ReduceOperation.Min);
        Equal(data, index => index % 2 == 0 ? 1 - Size : 0);
    }

    private void AllReduceWide(int length)
    {
        var doubles = new double[length];
        var integers = new long[length];
        Fill(doubles, index => index + 1e-9);
        Fill(integers, index => ((long)index << 33) + Rank);
        Communicator.AllReduce(doubles, ReduceOperation.Max);
        Communicator.AllReduce(integers, ReduceOperation.Sum);
        Equal(doubles, index => index + 1e-9);
        Equal(integers, index => (((long)index << 33) * Size) + (Size * (Size - 1) / 2));
        Fill(integers, index => long.MaxValue - Rank);
        Communicator.AllReduce(integers, ReduceOperation.Min);
        Equal(integers, _ => long.MaxValue - Size + 1);
    }

    private void AllGatherBytes(int length)
    {
        var own = new byte[length];
        Fill(own, index => (byte)(index ^ (Rank * 37)));
        var all = new byte[length * Size];
        Communicator.AllGather(own, all);
        Equal(all, index => (byte)((index % length) ^ (index / length * 37)));

        Array.Clear(all);
        own.CopyTo(all, Rank * length);
        Communicator.AllGather(all.AsSpan(Rank * length, length), all);
        Equal(all, index => (byte)((index % length) ^ (index / length * 37)));
    }

    private void AllGatherFloats(int length)
    {
        var data = new float[length * Size];
        Fill(data.AsSpan(Rank * length, length), index => (Rank * 1000) + (index % 997));
        Communicator.AllGather(data);
        Equal(data, index => (index / length * 1000) + (index % length % 997));
    }

    private void ReduceScatter(int length)
    {
        var data = new float[length * Size];
        Fill(data, index => (index % 5003) + Rank);
        Communicator.ReduceScatter(data);
        var own = Rank * length;
        Equal(data.AsSpan(own, length), index => ((own + index) % 5003 * Size) + (Size * (Size - 1) / 2));
    }

    private void AllToAll(int length)
    {
        var send = new float[length * Size];
        var receive = new float[length * Size];
        Fill(send, index => (Rank * 100) + (index / length) + (index % length % 7 * 0.125f));
        Communicator.AllToAll(send, receive);
        Equal(receive, index => (index / length * 100) + Rank + (index % length % 7 * 0.125f));
    }

    private void SmallPieces()
    {
        var (bytes, elements) = (MpiChannel.MaxCallBytes, PairwiseExchange.PieceElements);
        (MpiChannel.MaxCallBytes, PairwiseExchange.PieceElements) = (4096, 1000);
        using (var fresh = Communicator.Duplicate())
        {
            var checks = new CollectiveChecks(fresh);
            checks.Broadcast(10_001);
            checks.AllReduceFloats(10_001);
            checks.AllReduceWide(5_001);
            checks.AllGatherBytes(10_001);
            checks.AllGatherFloats(10_001);
            checks.ReduceScatter(10_001);
            checks.AllToAll(10_001);
            checks.AllGatherVariable();
        }

        (MpiChannel.MaxCallBytes, PairwiseExchange.PieceElements) = (bytes, elements);
    }

    private void RepeatedReduceScatter()
    {
        var random = new Random(Rank);
        var values = new float[100_000 * Size];
        Fill(values, _ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-6, 6)));
        var first = values.ToArray();
        Communicator.ReduceScatter(first);
        for (var i = 0; i < 5; i++)
        {
            var again = values.ToArray();
            Communicator.ReduceScatter(again);
            Equal(again.AsSpan(Rank * 100_000, 100_000), index => first[(Rank * 100_000) + index]);
        }
    }

    private void AllGatherVariable()
    {
        var own = new byte[Rank == 1 ? 0 : 5 + (Rank * 3000)];
        Fill(own, index => (byte)(index + Rank));
        var all = Communicator.AllGatherVariable(own);
        True(all.Length == Size, "wrong number of arrays");
        for (var rank = 0; rank < Size; rank++)
        {
            var sender = rank;
            True(all[rank].Length == (rank == 1 ? 0 : 5 + (rank * 3000)), "wrong length");
            Equal(all[rank], index => (byte)(index + sender));
        }
    }

    private void Ring()
    {
        if (Size == 1)
        {
            return;
        }

        foreach (var length in (int[])[1, 3_000_000])
        {
            var data = new byte[length];
            if (Rank == 0)
            {
                Fill(data, index => (byte)(index * 3));
                Communicator.Send(data, 1, 5);
                Array.Clear(data);
                True(Communicator.Receive(data, Size - 1, 5) == length, "wrong count");
            }
            else
            {
                True(Communicator.Receive(data, Rank - 1, 5) == length, "wrong count");
                Communicator.Send(data, (Rank + 1) % Size, 5);
            }

            Equal(data, index => (byte)(index * 3));
        }
    }

    private void EmptyMessage()
    {
        if (Rank == 0 && Size > 1)
        {
            Communicator.Send([], 1, ICommunicator.MaxTag);
        }
        else if (Rank == 1)
        {
            True(Communicator.Receive([], 0, ICommunicator.MaxTag) == 0, "an empty message had bytes");
        }
    }
}
