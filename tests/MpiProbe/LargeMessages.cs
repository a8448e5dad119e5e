using System.Diagnostics;
using System.Globalization;
using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>Collectives of more than 2^31 bytes, every element checked. A rank takes 2.1 GB.</summary>
internal static class LargeMessages
{
    // No multiple of any piece, so that the last one is short.
    private const int Elements = (1 << 29) + 1000;

    public static void Run(ICommunicator ranks)
    {
        var count = Elements / ranks.Size * ranks.Size;
        var values = new float[count];
        Fill(values, ranks.Rank);
        Time("all-reduce", () => ranks.AllReduce(values, ReduceOperation.Sum));
        Check(values, 0, count, Sum);

        Fill(values, ranks.Rank);
        Time("reduce-scatter", () => ranks.ReduceScatter(values));
        var own = count / ranks.Size;
        Check(values, ranks.Rank * own, own, Sum);

        // The sums of the others come back in place of what is there.
        values.AsSpan(0, ranks.Rank * own).Clear();
        values.AsSpan((ranks.Rank + 1) * own).Clear();
        Time("all-gather", () => ranks.AllGather(values));
        Check(values, 0, count, Sum);

        float Sum(int index) => Enumerable.Range(0, ranks.Size).Sum(rank => Value(index, rank));

        void Time(string name, Action action)
        {
            ranks.Barrier();
            var watch = Stopwatch.StartNew();
            action();
            if (ranks.Rank == 0)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{name} of {(long)count * sizeof(float)} bytes, 2^31 + {((long)count * sizeof(float)) - (1L << 31)}: {watch.Elapsed.TotalSeconds:0.0} s"));
            }
        }
    }

    // Whole numbers whose sums are exact, with a period that fits no power of two.
    private static float Value(int index, int rank) => (index % 9973) + rank;

    private static void Fill(float[] values, int rank)
    {
        for (var index = 0; index < values.Length; index++)
        {
            values[index] = Value(index, rank);
        }
    }

    private static void Check(float[] values, int from, int count, Func<int, float> expected)
    {
        // A period of what is expected, so that it is not computed half a billion times.
        var period = Enumerable.Range(0, 9973).Select(expected).ToArray();
        for (var index = from; index < from + count; index++)
        {
            if (values[index] != period[index % 9973])
            {
                throw new InvalidOperationException($"Element {index} is {values[index]}, not {period[index % 9973]}.");
            }
        }
    }
}
