using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>The first axis of model inputs and outputs, which counts samples.</summary>
internal static class BatchAxis
{
    private const string Symbol = "batch";

    /// <summary>
    /// The model itself if its inputs take micro-batches of this size, else a copy whose first axes are left open: a model
    /// exported for one batch size often runs with others.
    /// </summary>
    internal static OnnxModel Fit(OnnxModel model, int microBatchSize)
    {
        if (model.Graph.Input.All(input => Declared(input) is not { } length || length == microBatchSize))
        {
            return model;
        }

        var copy = model.Clone();
        copy.Graph.ValueInfo.Clear();
        foreach (var value in copy.Graph.Input.Concat(copy.Graph.Output))
        {
            if (value.Dimensions() is [_, .. var others])
            {
                value.SetDimensions([Symbol, .. others]);
            }
        }

        return copy;
    }

    /// <summary>Whether the model takes batches of one size only.</summary>
    internal static bool IsFixed(OnnxModel model) => model.Graph.Input.Any(input => Declared(input) is not null);

    /// <summary>The model's inputs for one micro-batch; axes that the model leaves open take the lengths of the data.</summary>
    internal static IReadOnlyList<ValueDescription> Inputs(OnnxModel model, int microBatchSize)
    {
        var initializers = model.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. model.Graph.Input.Where(input => !initializers.Contains(input.Name)).Select(input => new ValueDescription(
                input.Name,
                input.ElementType(),
                [microBatchSize, .. (input.Dimensions() ?? []).Skip(1).Select(dimension => dimension.Length ?? -1)])),
        ];
    }

    private static long? Declared(ValueInfoProto input) => input.Dimensions() is [{ Length: { } length }, ..] ? length : null;
}
