namespace OrtZero.Autograd;

/// <summary>
/// What of a training graph runs on the rows only whose label counts (<see cref="GradientOptions.SparseLabels"/>).
/// </summary>
/// <param name="Output">The model output that the loss reads.</param>
/// <param name="Labels">The graph input with its labels.</param>
/// <param name="IgnoreIndex">The label of rows that do not count.</param>
/// <param name="Rows">Rows of a micro-batch, one per label.</param>
/// <param name="Gathered">The values of which only such rows are read on, in the order of the graph.</param>
/// <param name="Nodes">The model's nodes that work on those rows, by name.</param>
public sealed record LabelSparsityReport(
    string Output, string Labels, long IgnoreIndex, long Rows, IReadOnlyList<string> Gathered, IReadOnlyList<string> Nodes);
