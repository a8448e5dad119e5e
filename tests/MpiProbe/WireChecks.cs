using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>Sums whose numbers travel in 16 bits, against sums in float64 and the bounds that <see cref="WireFormat"/> promises.</summary>
internal sealed class WireChecks(ICommunicator communicator) : Checks(communicator)
{
    public void Run()
    {
        foreach (var format in (WireFormat[])[WireFormat.Float16, WireFormat.Bfloat16])
        {
            foreach (var length in (int[])[0, 1, 2, 33, 300_001])
            {
                Check($"{format} sum of {length} floats each", () => Sum(length, format));
            }

            Check($"{format} keeps what is no number and what is infinite", () => NotFinite(format));
            Check($"{format} sums small integers exactly", () => Exact(format));
        }
    }

    private void Sum(int length, WireFormat format)
    {
        var all = Enumerable.Range(0, Size).Select(rank => Values(rank, length * Size)).ToArray();
        var data = all[Rank].ToArray();
        Communicator.ReduceScatter(data, format);
        var (relative, ofLargest) = format == WireFormat.Float16 ? (Math.Pow(2, -11), Math.Pow(2, -39)) : (Math.Pow(2, -8), 0);
        for (var i = Rank * length; i < (Rank + 1) * length; i++)
        {
            var sum = all.Sum(values => (double)values[i]);
            var others = all.Where((_, rank) => rank != Rank).ToArray();
            var bound = others.Sum(values => (Math.Abs((double)values[i]) * relative) + (1e4 * ofLargest))
                + (all.Sum(values => Math.Abs((double)values[i])) * Size * Math.Pow(2, -24));
            True(Math.Abs(data[i] - sum) <= bound, $"element {i} is {data[i]} instead of {sum}, further off than {bound}");
        }
    }

    private void NotFinite(WireFormat format)
    {
        var data = new float[40 * Size];
        for (var rank = 0; rank < Size && Rank == Size - 1; rank++)
        {
            (data[(rank * 40) + 3], data[(rank * 40) + 7], data[(rank * 40) + 39]) = (float.NaN, float.PositiveInfinity, BitConverter.UInt32BitsToSingle(0x7fffffff));
        }

        Communicator.ReduceScatter(data, format);
        var own = data.AsSpan(Rank * 40, 40);
        True(float.IsNaN(own[3]) && float.IsPositiveInfinity(own[7]) && float.IsNaN(own[39]) && own[4] == 0, "lost on the way");
    }

    private void Exact(WireFormat format)
    {
        var data = new float[5000 * Size];
        Fill(data, index => (index % 101) + Rank);
        Communicator.ReduceScatter(data, format);
        var own = Rank * 5000;
        Equal(data.AsSpan(own, 5000), index => ((own + index) % 101 * Size) + (Size * (Size - 1) / 2));
    }

    // Of all magnitudes from 1e-12 to 1e4, which a half alone could not hold.
    private static float[] Values(int rank, int count)
    {
        var random = new Random(rank);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-12, 5)))];
    }
}
