using System.Diagnostics;

namespace OrtZero.Autograd.Internal;

/// <summary>What a comparison may cost: which parameters it begins with, how many elements it looks at, and when it ends.</summary>
internal sealed class ProbeBudget
{
    // Runs of the model that one probe takes, usually.
    private const int RunsPerProbe = 12;

    private readonly TimeSpan? _limit;
    private readonly long _start;

    private ProbeBudget(TimeSpan? limit, long start, int samples) => (_limit, _start, Samples) = (limit, start, samples);

    /// <summary>Single elements to compare per parameter: none where the limit allows at most a direction through each.</summary>
    public int Samples { get; }

    /// <summary>Whether no further parameter may be begun.</summary>
    public bool IsSpent => _limit is { } limit && Stopwatch.GetElapsedTime(_start) > limit;

    /// <summary>Takes the time of one run of the model, and decides.</summary>
    public static ProbeBudget Plan(GradientCheckOptions options, int parameters, Action run)
    {
        var start = Stopwatch.GetTimestamp();
        if (options.TimeLimit is not { } limit)
        {
            return new ProbeBudget(null, start, options.Samples);
        }

        run();
        var whole = Stopwatch.GetElapsedTime(start) * (RunsPerProbe * (1.0 + options.Samples) * parameters);
        return new ProbeBudget(limit, start, whole > limit ? 0 : options.Samples);
    }

    /// <summary>All indices in an order of which any beginning is spread over the whole.</summary>
    public static IEnumerable<int> Spread(int count)
    {
        // Steps of the golden section leave the most even gaps.
        var step = Math.Max(1, (int)(count * 0.6180339887));
        while (Gcd(step, count) > 1)
        {
            step++;
        }

        return Enumerable.Range(0, count).Select(i => (int)((long)i * step % count));
    }

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
}
