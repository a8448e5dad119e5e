using System.Globalization;
using OrtZero.Mpi;
using OrtZero.Mpi.Internal;

namespace OrtZero.MpiProbe;

/// <summary>
/// Checks of every operation against values computed from rank numbers, each verified on every rank. Rank 0 prints a line per
/// check and a count at the end; a wrong value throws.
/// </summary>
internal sealed class CollectiveChecks(ICommunicator communicator)
{
    private readonly int _rank = communicator.Rank;
    private readonly int _size = communicator.Size;
    private int _passed;

    public void Run()
    {
        Check("ranks are distinct and within the machine", Ranks);
        Check("barrier", communicator.Barrier);
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
        Check("a message longer than the buffer is an error of MPI", Truncation);
        Check("duplicates do not mix", Duplicates);
        Check("two threads on two communicators under collections", Threads);
        Check("one communicator refuses a second thread", OneThread);
        Check("null references are still exceptions", NullReference);
        Check("wrong arguments send nothing", Arguments);
        Check("operations are recorded", Recorded);
        if (_rank == 0)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ok {_passed} checks, {communicator.Description}"));
        }
    }

    private void Check(string name, Action check)
    {
        try
        {
            check();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{name}: {exception.Message}", exception);
        }

        _passed++;
        if (_rank == 0)
        {
            Console.WriteLine(name);
        }
    }

    private void Ranks()
    {
        var all = new byte[_size];
        communicator.AllGather([(byte)_rank], all);
        Equal(all, index => (byte)index);
        True(communicator.LocalSize == _size && communicator.LocalRank == _rank, "local ranks differ from ranks on one machine");
    }

    private void BarrierWaits()
    {
        var path = Path.Combine(Path.GetTempPath(), "ortzero-probe-" + Environment.GetEnvironmentVariable("PROBE_ID"));
        if (_rank == _size - 1)
        {
            Thread.Sleep(50);
            File.WriteAllText(path, "entered");
        }

        communicator.Barrier();
        True(File.Exists(path), "the last rank had not entered");
        communicator.Barrier();
        if (_rank == _size - 1)
        {
            File.Delete(path);
        }
    }

    private void Broadcast(int length)
    {
        for (var root = 0; root < _size; root++)
        {
            var data = new byte[length];
            if (_rank == root)
            {
                Fill(data, index => (byte)(index + root + 1));
            }

            communicator.Broadcast(data, root);
            var sender = root;
            Equal(data, index => (byte)(index + sender + 1));
        }
    }

    private void AllReduceFloats(int length)
    {
        var data = new float[length];
        Fill(data, index => (index % 100) + _rank);
        communicator.AllReduce(data, ReduceOperation.Sum);
        Equal(data, index => ((index % 100) * _size) + (_size * (_size - 1) / 2));
        Fill(data, index => ((index % 2) * 2 - 1) * _rank);
        communicator.AllReduce(data, ReduceOperation.Max);
        Equal(data, index => index % 2 == 0 ? 0 : _size - 1);
        Fill(data, index => ((index % 2) * 2 - 1) * _rank);
        communicator.AllReduce(data, ReduceOperation.Min);
        Equal(data, index => index % 2 == 0 ? 1 - _size : 0);
    }

    private void AllReduceWide(int length)
    {
        var doubles = new double[length];
        var integers = new long[length];
        Fill(doubles, index => index + 1e-9);
        Fill(integers, index => ((long)index << 33) + _rank);
        communicator.AllReduce(doubles, ReduceOperation.Max);
        communicator.AllReduce(integers, ReduceOperation.Sum);
        Equal(doubles, index => index + 1e-9);
        Equal(integers, index => (((long)index << 33) * _size) + (_size * (_size - 1) / 2));
        Fill(integers, index => long.MaxValue - _rank);
        communicator.AllReduce(integers, ReduceOperation.Min);
        Equal(integers, _ => long.MaxValue - _size + 1);
    }

    private void AllGatherBytes(int length)
    {
        var own = new byte[length];
        Fill(own, index => (byte)(index ^ (_rank * 37)));
        var all = new byte[length * _size];
        communicator.AllGather(own, all);
        Equal(all, index => (byte)((index % length) ^ (index / length * 37)));

        Array.Clear(all);
        own.CopyTo(all, _rank * length);
        communicator.AllGather(all.AsSpan(_rank * length, length), all);
        Equal(all, index => (byte)((index % length) ^ (index / length * 37)));
    }

    private void AllGatherFloats(int length)
    {
        var data = new float[length * _size];
        Fill(data.AsSpan(_rank * length, length), index => (_rank * 1000) + (index % 997));
        communicator.AllGather(data);
        Equal(data, index => (index / length * 1000) + (index % length % 997));
    }

    private void ReduceScatter(int length)
    {
        var data = new float[length * _size];
        Fill(data, index => (index % 5003) + _rank);
        communicator.ReduceScatter(data);
        var own = _rank * length;
        Equal(data.AsSpan(own, length), index => ((own + index) % 5003 * _size) + (_size * (_size - 1) / 2));
    }

    private void AllToAll(int length)
    {
        var send = new float[length * _size];
        var receive = new float[length * _size];
        Fill(send, index => (_rank * 100) + (index / length) + (index % length % 7 * 0.125f));
        communicator.AllToAll(send, receive);
        Equal(receive, index => (index / length * 100) + _rank + (index % length % 7 * 0.125f));
    }

    private void SmallPieces()
    {
        var (bytes, elements) = (MpiCommunicator.MaxCallBytes, PairwiseExchange.PieceElements);
        (MpiCommunicator.MaxCallBytes, PairwiseExchange.PieceElements) = (4096, 1000);
        using (var fresh = communicator.Duplicate())
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

        (MpiCommunicator.MaxCallBytes, PairwiseExchange.PieceElements) = (bytes, elements);
    }

    private void RepeatedReduceScatter()
    {
        var random = new Random(_rank);
        var values = new float[100_000 * _size];
        Fill(values, _ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-6, 6)));
        var first = values.ToArray();
        communicator.ReduceScatter(first);
        for (var i = 0; i < 5; i++)
        {
            var again = values.ToArray();
            communicator.ReduceScatter(again);
            Equal(again.AsSpan(_rank * 100_000, 100_000), index => first[(_rank * 100_000) + index]);
        }
    }

    private void AllGatherVariable()
    {
        var own = new byte[_rank == 1 ? 0 : 5 + (_rank * 3000)];
        Fill(own, index => (byte)(index + _rank));
        var all = communicator.AllGatherVariable(own);
        True(all.Length == _size, "wrong number of arrays");
        for (var rank = 0; rank < _size; rank++)
        {
            var sender = rank;
            True(all[rank].Length == (rank == 1 ? 0 : 5 + (rank * 3000)), "wrong length");
            Equal(all[rank], index => (byte)(index + sender));
        }
    }

    private void Ring()
    {
        if (_size == 1)
        {
            return;
        }

        foreach (var length in (int[])[1, 3_000_000])
        {
            var data = new byte[length];
            if (_rank == 0)
            {
                Fill(data, index => (byte)(index * 3));
                communicator.Send(data, 1, 5);
                Array.Clear(data);
                True(communicator.Receive(data, _size - 1, 5) == length, "wrong count");
            }
            else
            {
                True(communicator.Receive(data, _rank - 1, 5) == length, "wrong count");
                communicator.Send(data, (_rank + 1) % _size, 5);
            }

            Equal(data, index => (byte)(index * 3));
        }
    }

    private void EmptyMessage()
    {
        if (_rank == 0 && _size > 1)
        {
            communicator.Send([], 1, ICommunicator.MaxTag);
        }
        else if (_rank == 1)
        {
            True(communicator.Receive([], 0, ICommunicator.MaxTag) == 0, "an empty message had bytes");
        }
    }

    private void Truncation()
    {
        if (_rank == 0 && _size > 1)
        {
            communicator.Send(new byte[10], 1, 1);
        }
        else if (_rank == 1)
        {
            var exception = Throws<MpiException>(() => communicator.Receive(new byte[4], 0, 1));
            True(exception.Error == MpiError.CallFailed && exception.Message.Contains("truncat", StringComparison.OrdinalIgnoreCase), exception.Message);
        }

        communicator.Barrier();
    }

    private void Duplicates()
    {
        using var first = communicator.Duplicate();
        using var second = first.Duplicate();
        if (_size > 1)
        {
            byte[] data = [0];
            if (_rank == 0)
            {
                first.Send([1], 1, 0);
                second.Send([2], 1, 0);
            }
            else if (_rank == 1)
            {
                second.Receive(data, 0, 0);
                True(data[0] == 2, "a message came from another communicator");
                first.Receive(data, 0, 0);
                True(data[0] == 1, "a message came from another communicator");
            }
        }

        second.Barrier();
    }

    private void Threads()
    {
        using var other = communicator.Duplicate();
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Loop(other, 3);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        Loop(communicator, 11);
        thread.Join();
        if (failure is not null)
        {
            throw new InvalidOperationException("on the second thread: " + failure.Message, failure);
        }

        void Loop(ICommunicator own, int seed)
        {
            for (var i = 0; i < 100; i++)
            {
                var data = new float[1000 + (i * 100)];
                Fill(data, index => index % seed);
                own.AllReduce(data, ReduceOperation.Sum);
                Equal(data, index => index % seed * _size);
                if (i % 10 == 0)
                {
                    GC.Collect();
                }
            }
        }
    }

    private void OneThread()
    {
        if (_size == 1)
        {
            return;
        }

        using var own = communicator.Duplicate();
        if (_rank == 0)
        {
            var waiting = new Thread(own.Barrier);
            waiting.Start();
            SpinWait.SpinUntil(() => own.RecentCollectives.Count > 0);
            True(Throws<MpiException>(own.Barrier).Error == MpiError.Unusable, "wrong error");
            communicator.Barrier();
            waiting.Join();
        }
        else
        {
            communicator.Barrier();
            own.Barrier();
        }
    }

    private void NullReference()
    {
        for (var i = 0; i < 3; i++)
        {
            Throws<NullReferenceException>(() => Failures.LengthOf(null));
        }
    }

    private void Arguments()
    {
        var before = communicator.RecentCollectives;
        Throws<ArgumentOutOfRangeException>(() => communicator.Broadcast(new byte[1], _size));
        Throws<ArgumentOutOfRangeException>(() => communicator.Broadcast(new byte[1], -1));
        Throws<ArgumentException>(() => communicator.Send(new byte[1], _rank, 0));
        Throws<ArgumentException>(() => communicator.AllGather(new byte[1], new byte[_size + 1]));
        var data = new byte[_size * 2 * 4];
        Throws<ArgumentException>(() => communicator.AllGather(data.AsSpan((_rank * 4) + 1, 4), data.AsSpan(0, _size * 4)));
        if (_size > 1)
        {
            True(Throws<ArgumentException>(() => communicator.ReduceScatter(new float[_size + 1])).Message.Contains("multiple of", StringComparison.Ordinal), "no fix");
        }

        True(communicator.RecentCollectives.SequenceEqual(before), "a refused operation was recorded");
    }

    private void Recorded()
    {
        communicator.Barrier();
        communicator.Broadcast(new byte[12], 0);
        var recent = communicator.RecentCollectives;
        True(recent.Count == 10, "not ten records");
        True(recent[9] is { Name: "broadcast", Bytes: 12, Completed: true }, recent[9].ToString());
        True(recent[8].Name == "barrier" && recent[8].Sequence + 1 == recent[9].Sequence, recent[8].ToString());
    }

    private static void Fill<T>(Span<T> data, Func<int, T> value)
    {
        for (var i = 0; i < data.Length; i++)
        {
            data[i] = value(i);
        }
    }

    private static void Fill<T>(T[] data, Func<int, T> value) => Fill(data.AsSpan(), value);

    private static void Equal<T>(ReadOnlySpan<T> data, Func<int, T> expected)
        where T : IEquatable<T>
    {
        for (var i = 0; i < data.Length; i++)
        {
            if (!data[i].Equals(expected(i)))
            {
                throw new InvalidOperationException($"element {i} is {data[i]} instead of {expected(i)}");
            }
        }
    }

    private static void Equal<T>(Span<T> data, Func<int, T> expected)
        where T : IEquatable<T> => Equal((ReadOnlySpan<T>)data, expected);

    private static void Equal<T>(T[] data, Func<int, T> expected)
        where T : IEquatable<T> => Equal((ReadOnlySpan<T>)data, expected);

    private static void True(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    private static TException Throws<TException>(Action action)
        where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException exception)
        {
            return exception;
        }

        throw new InvalidOperationException($"no {typeof(TException).Name}");
    }
}
