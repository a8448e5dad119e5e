using OrtZero.Onnx.Internal;

namespace OrtZero.Onnx;

/// <summary>What <see cref="ModelImporter.Import"/> found and did.</summary>
public sealed class ImportReport
{
    internal ImportReport(IReadOnlyList<ImportedParameter> parameters, IReadOnlyList<string> messages)
    {
        Parameters = parameters;
        Messages = messages;
    }

    /// <summary>The report on a model that is taken as it is.</summary>
    /// <param name="model">The model.</param>
    /// <param name="trainable">The initializers that are trained.</param>
    public static ImportReport Unchanged(OnnxModel model, IReadOnlyCollection<string> trainable)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new ImportReport(
            [.. model.Graph.Initializer.Select(tensor => new ImportedParameter(tensor.Name, tensor.Name, false, trainable.Contains(tensor.Name)))], []);
    }

    /// <summary>Every initializer of the imported model, in the model's order.</summary>
    public IReadOnlyList<ImportedParameter> Parameters { get; }

    /// <summary>What was renamed, untied, kept tied or taken for a constant: single sentences for the user.</summary>
    public IReadOnlyList<string> Messages { get; }

    /// <summary>The report with parameters that were added to the imported model, and a sentence about them.</summary>
    /// <param name="added">The added initializers.</param>
    /// <param name="message">The sentence.</param>
    public ImportReport With(IEnumerable<ImportedParameter> added, string message) =>
        new([.. Parameters, .. added], [.. Messages, message]) { FoldedTies = FoldedTies };

    internal IReadOnlyList<FoldedTie> FoldedTies { get; init; } = [];
}
