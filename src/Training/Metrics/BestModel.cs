using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>One of the best models of a run, by the metric of checkpoint.save_best.</summary>
/// <param name="Step">Iterations done when it was saved; its checkpoint is checkpoints/best/step-….</param>
/// <param name="Metric">The metric.</param>
/// <param name="Value">Its value.</param>
/// <param name="Validation">The validation that measured it.</param>
public sealed record BestModel([property: JsonPropertyName("iter")] long Step, string Metric, double Value, ValidationRecord Validation);
