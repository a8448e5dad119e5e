using System.Text.Json.Serialization;

namespace OrtZero.Training.Internal;

/// <summary>One line of metrics.jsonl; groups are keyed by name, for nothing is matched by position.</summary>
internal sealed record MetricsLine
{
    [JsonPropertyName("iter")]
    public required long Iteration { get; init; }

    public required int Epoch { get; init; }

    public required double Loss { get; init; }

    [JsonPropertyName("grad_norm")]
    public required double? GradientNorm { get; init; }

    [JsonPropertyName("lr")]
    public required IReadOnlyDictionary<string, double> LearningRates { get; init; }

    [JsonPropertyName("weight_decay")]
    public required IReadOnlyDictionary<string, double> WeightDecays { get; init; }

    public required double? LossScale { get; init; }

    public required double SamplesPerSecond { get; init; }

    public required long PeakRssBytes { get; init; }

    public required long SkippedUpdates { get; init; }

    public static MetricsLine Of(MetricsRecord record)
    {
        var rates = new OrderedDictionary<string, double>();
        var decays = new OrderedDictionary<string, double>();
        foreach (var group in record.Groups)
        {
            rates[group.Name] = group.LearningRate;
            decays[group.Name] = group.WeightDecay;
        }

        return new MetricsLine
        {
            Iteration = record.Iteration,
            Epoch = record.Epoch,
            Loss = record.Loss,
            GradientNorm = record.GradientNorm,
            LearningRates = rates,
            WeightDecays = decays,
            LossScale = record.LossScale,
            SamplesPerSecond = record.SamplesPerSecond,
            PeakRssBytes = record.PeakRssBytes,
            SkippedUpdates = record.SkippedUpdates,
        };
    }

    public MetricsRecord ToRecord() => new()
    {
        Iteration = Iteration,
        Epoch = Epoch,
        Loss = Loss,
        GradientNorm = GradientNorm,
        Groups = [.. LearningRates.Select(rate => new GroupMetrics(rate.Key, rate.Value, WeightDecays.GetValueOrDefault(rate.Key)))],
        LossScale = LossScale,
        SamplesPerSecond = SamplesPerSecond,
        PeakRssBytes = PeakRssBytes,
        SkippedUpdates = SkippedUpdates,
    };
}
