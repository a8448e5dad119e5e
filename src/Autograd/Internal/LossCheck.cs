using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Checks that the loss options and the trainable parameters fit the model.</summary>
internal static class LossCheck
{
    public static void Validate(OnnxModel model, ValueTable values, LossOptions loss, IReadOnlyCollection<string> trainable)
    {
        var graph = model.Graph;
        if (graph.Output.All(output => output.Name != loss.Output))
        {
            throw new GradientException(
                $"The loss reads output '{loss.Output}', which the model does not have: choose one of '{Names(graph.Output.Select(o => o.Name))}'.");
        }

        if (model.GetOpsetVersion() < OperatorSets.Oldest)
        {
            throw new GradientException(
                $"The model uses operator set {model.GetOpsetVersion()}, and gradients need {OperatorSets.Oldest} or later: export it with a newer one.");
        }

        var output = values[loss.Output];
        CheckLoss(loss, output);
        if (trainable.Count == 0)
        {
            throw new GradientException("No parameter is trainable: leave at least one that is not frozen.");
        }

        var initializers = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in trainable)
        {
            if (!initializers.Contains(name))
            {
                throw new GradientException($"Trainable parameter '{name}' is not an initializer of the model: use a name that the model has.");
            }

            if (!seen.Add(name))
            {
                throw new GradientException($"Trainable parameter '{name}' is given twice: name it once.");
            }

            if (!values[name].Type.IsFloatingPoint())
            {
                throw new GradientException($"Trainable parameter '{name}' has type {values[name].Type}: freeze it, only real numbers have gradients.");
            }
        }
    }

    /// <summary>The graph input for labels; <c>null</c> if the loss needs none.</summary>
    public static Value? Labels(GraphProto graph, ValueTable values, LossOptions loss, Value output)
    {
        if (loss.Type == LossType.ModelOutput)
        {
            return null;
        }

        var labels = loss.Type == LossType.CrossEntropy
            ? new Value(loss.Labels!, TensorElementType.Int64, output.Shape[..^1])
            : new Value(loss.Labels!, output.Type, output.Shape);
        if (values.TryGet(labels.Name, out var existing))
        {
            if (graph.Input.All(input => input.Name != labels.Name) || existing.Type != labels.Type || existing.Shape.Length != labels.Shape.Length)
            {
                throw new GradientException(
                    $"The labels input '{labels.Name}' would hide a value of that name in the model: choose another name for the labels.");
            }

            return existing;
        }

        if (graph.Input.All(input => input.Name != labels.Name))
        {
            graph.Input.Add(ForwardGraph.Describe(labels.Name, labels.Type, labels.Shape));
        }

        return labels;
    }

    private static void CheckLoss(LossOptions loss, Value output)
    {
        if (!output.Type.IsFloatingPoint())
        {
            throw new GradientException($"The loss reads output '{loss.Output}' of type {output.Type}: choose an output of real numbers.");
        }

        if (loss.Type == LossType.ModelOutput)
        {
            if (Shapes.Count(output.Shape) != 1)
            {
                throw new GradientException(
                    $"Output '{loss.Output}' has shape [{string.Join(", ", output.Shape)}] and is to be the loss itself: "
                    + "choose an output with one element, or another type of loss.");
            }

            return;
        }

        if (string.IsNullOrEmpty(loss.Labels))
        {
            throw new GradientException($"The loss on output '{loss.Output}' needs labels: give the name of the labels input.");
        }

        if (loss.Type == LossType.CrossEntropy && output.Shape.Length == 0)
        {
            throw new GradientException($"Output '{loss.Output}' has no axes: cross-entropy needs one score per class along the last axis.");
        }

        if (loss.LabelSmoothing is not (>= 0 and <= 1))
        {
            throw new GradientException($"Label smoothing is {loss.LabelSmoothing}: give a number from 0 to 1.");
        }
    }

    private static string Names(IEnumerable<string> names) => string.Join("', '", names);
}
