using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>How communicators behave beside moving data: apart from each other, with threads, with mistakes.</summary>
internal sealed class ConductChecks(ICommunicator communicator) : Checks(communicator)
{
    public void Run()
    {
        Check("a message longer than the buffer is an error of MPI", Truncation);
        Check("duplicates do not mix", Duplicates);
        Check("two threads on two communicators under collections", Threads);
        Check("one communicator refuses a second thread", OneThread);
        Check("null references are still exceptions", NullReference);
        Check("wrong arguments send nothing", Arguments);
        Check("operations are recorded", Recorded);
    }

    private void Truncation()
    {
        if (Rank == 0 && Size > 1)
        {
            Communicator.Send(new byte[10], 1, 1);
        }
        else if (Rank == 1)
        {
            var exception = Throws<MpiException>(() => Communicator.Receive(new byte[4], 0, 1));
            True(exception.Error == MpiError.CallFailed && exception.Message.Contains("truncat", StringComparison.OrdinalIgnoreCase), exception.Message);
        }

        Communicator.Barrier();
    }

    private void Duplicates()
    {
        using var first = Communicator.Duplicate();
        using var second = first.Duplicate();
        if (Size > 1)
        {
            byte[] data = [0];
            if (Rank == 0)
            {
                first.Send([1], 1, 0);
                second.Send([2], 1, 0);
            }
            else if (Rank == 1)
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
        using var other = Communicator.Duplicate();
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
        Loop(Communicator, 11);
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
                Equal(data, index => index % seed * Size);
                if (i % 10 == 0)
                {
                    GC.Collect();
                }
            }
        }
    }

    private void OneThread()
    {
        if (Size == 1)
        {
            return;
        }

        using var own = Communicator.Duplicate();
        if (Rank == 0)
        {
            var waiting = new Thread(own.Barrier);
            waiting.Start();
            SpinWait.SpinUntil(() => own.RecentCollectives.Count > 0);
            True(Throws<MpiException>(own.Barrier).Error == MpiError.Unusable, "wrong error");
            Communicator.Barrier();
            waiting.Join();
        }
        else
        {
            Communicator.Barrier();
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
        var before = Communicator.RecentCollectives[^1].Sequence;
        Throws<ArgumentOutOfRangeException>(() => Communicator.Broadcast(new byte[1], Size));
        Throws<ArgumentOutOfRangeException>(() => Communicator.Broadcast(new byte[1], -1));
        Throws<ArgumentException>(() => Communicator.Send(new byte[1], Rank, 0));
        Throws<ArgumentException>(() => Communicator.AllGather(new byte[1], new byte[Size + 1]));
        var data = new byte[Size * 2 * 4];
        Throws<ArgumentException>(() => Communicator.AllGather(data.AsSpan((Rank * 4) + 1, 4), data.AsSpan(0, Size * 4)));
        if (Size > 1)
        {
            True(Throws<ArgumentException>(() => Communicator.ReduceScatter(new float[Size + 1])).Message.Contains("multiple of", StringComparison.Ordinal), "no fix");
        }

        True(Communicator.RecentCollectives[^1].Sequence == before, "a refused operation was recorded");
    }

    private void Recorded()
    {
        Communicator.Barrier();
        Communicator.Broadcast(new byte[12], 0);
        var recent = Communicator.RecentCollectives;
        True(recent.Count == 10, "not ten records");
        True(recent[9] is { Name: "broadcast from rank 0", Bytes: 12, Completed: true }, recent[9].ToString());
        True(recent[8].Name == "barrier" && recent[8].Sequence + 1 == recent[9].Sequence, recent[8].ToString());
    }
}
