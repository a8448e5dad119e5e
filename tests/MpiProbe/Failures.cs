using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>The ways in which a run can go wrong; the last rank is the one that fails.</summary>
internal static class Failures
{
    public static void Run(ICommunicator communicator, string mode)
    {
        var last = communicator.Rank == communicator.Size - 1;
        communicator.Barrier();
        switch (mode)
        {
            case "farewell":
                break;
            case "throw":
                if (last)
                {
                    throw new InvalidOperationException("the last rank fails on purpose");
                }

                communicator.Barrier();
                break;
            case "crash":
                if (last)
                {
                    // On a thread of its own, where no handler of Main sees it.
                    var thread = new Thread(() => throw new InvalidOperationException("unhandled on purpose"));
                    thread.Start();
                    thread.Join();
                }

                communicator.Barrier();
                break;
            case "wait-for-kill":
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pid {communicator.Rank} {Environment.ProcessId}"));
                Console.Out.Flush();
                if (last)
                {
                    Thread.Sleep(Timeout.Infinite);
                }

                communicator.Barrier();
                break;
            case "stall":
                communicator.Timeout = TimeSpan.FromSeconds(1);
                communicator.Broadcast(new byte[3], 0);
                if (last)
                {
                    Thread.Sleep(Timeout.Infinite);
                }

                communicator.AllReduce(new float[5], ReduceOperation.Sum);
                break;
            case "other-collective":
                communicator.Broadcast(new byte[3], 0);
                if (last)
                {
                    communicator.Label("updates", 7);
                    communicator.AllGather(new float[2 * communicator.Size]);
                }

                communicator.AllReduce(new float[5], ReduceOperation.Sum);
                break;
            case "other-length":
                communicator.ReduceScatter(new float[(last ? 20 : 10) * communicator.Size]);
                break;
            case "stall-on-thread":
                StallOnThread(communicator, last);
                break;
            case "die":
                if (last)
                {
                    Process.GetCurrentProcess().Kill();
                }

                communicator.Barrier();
                break;
            default:
                throw new ArgumentException($"Unknown mode {mode}.");
        }
    }

    // As training does: the thread that reduces gradients waits, and the other one waits for that thread.
    private static void StallOnThread(ICommunicator communicator, bool last)
    {
        using var other = communicator.Duplicate();
        other.Timeout = TimeSpan.FromSeconds(1);
        if (last)
        {
            Thread.Sleep(Timeout.Infinite);
        }

        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                other.Label("gradients", 3);
                other.ReduceScatter(new float[4 * other.Size]);
            }
            catch (MpiException exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        throw new InvalidOperationException($"on the thread: {failure!.Message}");
    }

    /// <summary>Reads through a null reference, which the runtime must see as a signal and turn into an exception.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int LengthOf(string? text) => text!.Length;
}
