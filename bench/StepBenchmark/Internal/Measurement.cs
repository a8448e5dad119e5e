namespace OrtZero.StepBenchmark.Internal;

/// <summary>A row of the report: all rounds of one way to train a workload.</summary>
internal sealed class Measurement(Workload workload, string label, bool isBaseline)
{
    private readonly List<double> _seconds = [];
    private readonly List<double> _cpuSeconds = [];
    private readonly List<long> _peakRss = [];

    internal Workload Workload => workload;

    internal string Label => label;

    internal bool IsBaseline => isBaseline;

    /// <summary>The loss before the first update: of the whole batch with one rank, of rank 0's half with two.</summary>
    internal double FirstLoss { get; private set; }

    /// <summary>The most of any rank and round. Null: PyTorch manages its own memory.</summary>
    internal double? AllocatedBytesPerStep { get; private set; }

    internal int Collections { get; private set; }

    internal string Version { get; private set; } = "";

    internal IReadOnlyList<string>? Blas { get; private set; }

    /// <summary>The middle of all measured steps of all rounds.</summary>
    internal double MedianSeconds => Quantile(0.5);

    /// <summary>Processor time of all ranks together per step: the middle of the rounds.</summary>
    internal double CpuSeconds => _cpuSeconds.Order().ElementAt(_cpuSeconds.Count / 2);

    internal double UnitsPerSecond => workload.GlobalBatch * workload.UnitsPerSample / MedianSeconds;

    /// <summary>By rank, the most of any round.</summary>
    internal IReadOnlyList<long> PeakRss => _peakRss;

    /// <summary>Adds a round.</summary>
    /// <param name="ranks">The result of every rank; the ranks wait for each other in every step, so rank 0's time is everybody's.</param>
    internal void Add(IReadOnlyList<StepResult> ranks)
    {
        _seconds.AddRange(ranks[0].Seconds);
        _cpuSeconds.Add(ranks.Sum(rank => rank.CpuSecondsPerStep));
        FirstLoss = ranks[0].FirstLoss;
        Version = ranks[0].Version;
        Blas = ranks[0].Blas;
        for (var rank = 0; rank < ranks.Count; rank++)
        {
            if (rank == _peakRss.Count)
            {
                _peakRss.Add(0);
            }

            _peakRss[rank] = Math.Max(_peakRss[rank], ranks[rank].PeakRssBytes);
            Collections += ranks[rank].Collections;
            if (ranks[rank].AllocatedBytesPerStep is { } bytes)
            {
                AllocatedBytesPerStep = Math.Max(AllocatedBytesPerStep ?? 0, bytes);
            }
        }
    }

    /// <summary>A quantile of the measured steps, by the nearest rank.</summary>
    internal double Quantile(double share)
    {
        var sorted = _seconds.Order().ToArray();
        return share == 0.5 && sorted.Length % 2 == 0
            ? (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2
            : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
