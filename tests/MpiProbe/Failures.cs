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
            default:
                throw new ArgumentException($"Unknown mode {mode}.");
        }
    }

    /// <summary>Reads through a null reference, which the runtime must see as a signal and turn into an exception.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int LengthOf(string? text) => text!.Length;
}
