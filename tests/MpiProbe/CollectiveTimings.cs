using System.Diagnostics;
using System.Globalization;
using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>Medians of the collectives that training uses most, printed by rank 0.</summary>
internal static class CollectiveTimings
{
    public static void Run(ICommunicator communicator)
    {
        var one = new float[1];
        var large = new float[16 << 20];
        var bytes = new byte[64 << 20];
        Console.Write(communicator.Rank == 0 ? communicator.Description + "\n" : "");
        Report("barrier", 2000, communicator.Barrier);
        Report("all-reduce of 1 float", 2000, () => communicator.AllReduce(one, ReduceOperation.Sum));
        Report("all-reduce of 64 MiB", 15, () => communicator.AllReduce(large, ReduceOperation.Sum));
        Report("reduce-scatter of 64 MiB", 15, () => communicator.ReduceScatter(large));
        Report("all-gather of 64 MiB", 15, () => communicator.AllGather(large));
        Report("broadcast of 64 MiB", 15, () => communicator.Broadcast(bytes, 0));

        void Report(string name, int repeats, Action action)
        {
            for (var i = 0; i < 3; i++)
            {
                action();
            }

            var times = new double[repeats];
            for (var i = 0; i < repeats; i++)
            {
                if (repeats < 100)
                {
                    communicator.Barrier();
                }

                var start = Stopwatch.GetTimestamp();
                action();
                times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }

            Array.Sort(times);
            if (communicator.Rank == 0)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{name,-26} median {times[repeats / 2],10:0.0} us  best {times[0],10:0.0}  p90 {times[repeats * 9 / 10],10:0.0}"));
            }
        }
    }
}
