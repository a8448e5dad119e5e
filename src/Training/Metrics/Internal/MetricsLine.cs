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

    [JsonPropertyName("group_grad_norm"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double?>? GradientNorms { get; init; }

    [JsonPropertyName("group_param_norm"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double?>? ParameterNorms { get; init; }

    [JsonPropertyName("group_update_ratio"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double?>? UpdateRatios { get; init; }

    [JsonPropertyName("group_zero_share"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double?>? ZeroShares { get; init; }

    [JsonPropertyName("group_distance"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double?>? Distances { get; init; }

    public required double? LossScale { get; init; }

    public required double SamplesPerSecond { get; init; }

    public required long PeakRssBytes { get; init; }

    public long ModelStateBytes { get; init; }

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
            GradientNorms = ByName(record, group => group.Vitals?.GradientNorm),
            ParameterNorms = ByName(record, group => group.Vitals?.ParameterNorm),
            UpdateRatios = ByName(record, group => group.Vitals?.UpdateRatio),
            ZeroShares = ByName(record, group => group.Vitals?.ZeroShare),
            Distances = ByName(record, group => group.Distance),
            LossScale = record.LossScale,
            SamplesPerSecond = record.SamplesPerSecond,
            PeakRssBytes = record.PeakRssBytes,
            ModelStateBytes = record.ModelStateBytes,
            SkippedUpdates = record.SkippedUpdates,
        };
    }

    public MetricsRecord ToRecord() => new()
    {
        Iteration = Iteration,
        Epoch = Epoch,
        Loss = Loss,
        GradientNorm = GradientNorm,
        Groups =
        [
            .. LearningRates.Select(rate => new GroupMetrics(rate.Key, rate.Value, WeightDecays.GetValueOrDefault(rate.Key))
            {
                Vitals = GradientNorms?.GetValueOrDefault(rate.Key) is { } norm
                    ? new GroupVitals(norm, ParameterNorms?.GetValueOrDefault(rate.Key), UpdateRatios?.GetValueOrDefault(rate.Key), ZeroShares?.GetValueOrDefault(rate.Key))
                    : null,
                Distance = Distances?.GetValueOrDefault(rate.Key),
            }),
        ],
        LossScale = LossScale,
        SamplesPerSecond = SamplesPerSecond,
        PeakRssBytes = PeakRssBytes,
        ModelStateBytes = ModelStateBytes,
        SkippedUpdates = SkippedUpdates,
    };

    // What no group was measured for is left out of the line.
    private static OrderedDictionary<string, double?>? ByName(MetricsRecord record, Func<GroupMetrics, double?> value)
    {
        var values = new OrderedDictionary<string, double?>();
        foreach (var group in record.Groups)
        {
            values[group.Name] = value(group);
        }

        return values.Values.Any(number => number is not null) ? values : null;
    }
}
