using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Checks that the loss options and the trainable parameters fit the model.</summary>
internal static class LossCheck
{
    /// <summary>The loss and those that are added to it.</summary>
    public static LossOptions[] Terms(LossOptions loss) => [loss, .. loss.Others.SelectMany(Terms)];

    public static void Validate(OnnxModel model, ValueTable values, LossOptions loss, IReadOnlyCollection<string> trainable)
    {
        var graph = model.Graph;
        var terms = Terms(loss);
        foreach (var term in terms.Where(term => graph.Output.All(output => output.Name != term.Output)))
        {
            throw new GradientException(
                $"The loss reads output '{term.Output}', which the model does not have: choose one of '{Names(graph.Output.Select(o => o.Name))}'.");
        }

        if (model.GetOpsetVersion() < OperatorSets.Oldest)
        {
            throw new GradientException(
                $"The model uses operator set {model.GetOpsetVersion()}, and gradients need {OperatorSets.Oldest} or later: export it with a newer one.");
        }

        foreach (var term in terms)
        {
            CheckLoss(term, values[term.Output]);
        }

        if (terms.Any(term => values[term.Output].Type != values[loss.Output].Type))
        {
            throw new GradientException("The losses that are added read outputs of different types: cast them to one type in the model.");
        }

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
            ? new Value(loss.Labels!, TensorElementType.Int64, WithoutClasses(loss, output))
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

    private static long[] WithoutClasses(LossOptions loss, Value output)
    {
        var classes = Shapes.Axis(loss.Axis, output.Shape.Length);
        return [.. output.Shape.Where((_, axis) => axis != classes)];
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

        if (loss.Type == LossType.CrossEntropy)
        {
            var rank = output.Shape.Length;
            if (loss.Axis < -rank || loss.Axis >= rank)
            {
                throw new GradientException(
                    $"Cross-entropy counts classes along axis {loss.Axis}, but output '{loss.Output}' has the shape [{string.Join(", ", output.Shape)}]: choose one of its axes.");
            }

            var classes = output.Shape[Shapes.Axis(loss.Axis, rank)];
            if (loss.ClassWeights is { } weights && (weights.Count != classes || weights.Any(weight => !(weight >= 0 && double.IsFinite(weight)))))
            {
                throw new GradientException(
                    $"There are {weights.Count} class weights for the {classes} classes of output '{loss.Output}': give one number of 0 or more for each class.");
            }
        }

        if (loss.Type == LossType.Huber && !(loss.Delta > 0 && double.IsFinite(loss.Delta)))
        {
            throw new GradientException($"The delta of the Huber loss is {loss.Delta}: give a number above 0.");
        }

        if (loss.PositiveWeight is { } positives && positives.Count != 1 && (output.Shape.Length == 0 || positives.Count != output.Shape[^1]))
        {
            throw new GradientException(
                $"There are {positives.Count} weights of positives for output '{loss.Output}' of shape [{string.Join(", ", output.Shape)}]: give one, or one for each element of its last axis.");
        }

        if (!double.IsFinite(loss.Weight))
        {
            throw new GradientException($"The weight of the loss on output '{loss.Output}' is {loss.Weight}: give a finite number.");
        }

        if (loss.LabelSmoothing is not (>= 0 and <= 1))
        {
            throw new GradientException($"Label smoothing is {loss.LabelSmoothing}: give a number from 0 to 1.");
        }
    }

    private static string Names(IEnumerable<string> names) => string.Join("', '", names);
}
