using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What one validation measured: one line of validation.jsonl.</summary>
public sealed record ValidationRecord
{
    /// <summary>Iterations done when it was measured.</summary>
    [JsonPropertyName("iter")]
    public required long Iteration { get; init; }

    /// <summary>Epochs done when it was measured.</summary>
    public required int Epoch { get; init; }

    /// <summary>The mean loss over the validation samples.</summary>
    public required double Loss { get; init; }

    /// <summary>The name of the metric, as in evaluation.metric. Null: none is measured.</summary>
    public string? Metric { get; init; }

    /// <summary>The metric's value, between 0 and 1. Null: none is measured.</summary>
    public double? Value { get; init; }

    /// <summary>The samples it was measured on.</summary>
    public required long Samples { get; init; }

    /// <summary>What was measured, by name: "loss" and the metric.</summary>
    public IReadOnlyDictionary<string, double> Measured()
    {
        var measured = new Dictionary<string, double>(StringComparer.Ordinal) { ["loss"] = Loss };
        if (this is { Metric: { } name, Value: { } value })
        {
            measured[name] = value;
        }

        return measured;
    }
}
