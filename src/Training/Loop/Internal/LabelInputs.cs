using OrtZero.Autograd;
using OrtZero.Onnx;

namespace OrtZero.Training.Internal;

/// <summary>
/// The inputs through which losses get their labels: which field feeds each, of which type and shape. Several losses may read one
/// field, and a field may be an input of the model as well.
/// </summary>
internal sealed class LabelInputs
{
    private readonly Dictionary<string, long[]> _shapes = new(StringComparer.Ordinal);

    private LabelInputs(IReadOnlyList<ValueDescription> inputs, IReadOnlyList<LabelRule> rules) => (Inputs, Rules) = (inputs, rules);

    /// <summary>The inputs besides the model's own, in the shape of the data.</summary>
    internal IReadOnlyList<ValueDescription> Inputs { get; }

    /// <summary>Which class indices the fields may hold.</summary>
    internal IReadOnlyList<LabelRule> Rules { get; }

    /// <summary>The shapes in which the graph takes labels, where they are not those of the data: [16, 1] for [16], or [128] for [8, 16].</summary>
    internal IReadOnlyDictionary<string, long[]> Shapes => _shapes;

    /// <summary>Finds and checks them.</summary>
    /// <param name="loss">The losses.</param>
    /// <param name="model">The forward model.</param>
    /// <param name="values">The shapes of a micro-batch. Null: not known yet, then types are those the model declares and nothing is checked.</param>
    /// <param name="dataset">Where labels come from.</param>
    /// <param name="microBatchSize">Samples of a micro-batch.</param>
    /// <exception cref="DataException">A field is missing, or its shape does not belong to the output.</exception>
    internal static LabelInputs Of(LossOptions loss, OnnxModel model, ValueTable? values, Dataset dataset, int microBatchSize)
    {
        var own = model.Graph.Input.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        var inputs = new List<ValueDescription>();
        var rules = new List<LabelRule>();
        var result = new LabelInputs(inputs, rules);
        foreach (var term in Terms(loss).Where(term => term.Type != LossType.ModelOutput))
        {
            var name = term.Labels!;
            if (!dataset.Fields.TryGetValue(name, out var field))
            {
                throw new DataException($"model.loss.labels is \"{name}\", but {dataset.Name}.fields has no such field: add it there.");
            }

            var output = values?[term.Output];
            var type = term.Type == LossType.CrossEntropy ? TensorElementType.Int64 : output?.Type ?? Declared(model, term.Output);
            if (inputs.Find(input => input.Name == name) is { } other && other.Type != type)
            {
                throw new DataException(
                    $"{dataset.Name}.fields.{name} would be class indices for one loss and {type} numbers for another: give each loss a field of its own.");
            }

            if (output is not null)
            {
                result.CheckShape(term, output, field, dataset, microBatchSize, isOwn: own.Contains(name));
                if (term.Type == LossType.CrossEntropy && Axis(term, output.Rank) is >= 0 and var axis && axis < output.Rank)
                {
                    rules.Add(new LabelRule(name, output.Shape[axis], term.IgnoreIndex));
                }
            }

            if (!own.Contains(name) && inputs.TrueForAll(input => input.Name != name))
            {
                inputs.Add(new ValueDescription(name, type, [microBatchSize, .. field.SampleShape]));
            }
        }

        return result;
    }

    /// <summary>The losses that are added.</summary>
    internal static IEnumerable<LossOptions> Terms(LossOptions loss) => [loss, .. loss.Others.SelectMany(Terms)];

    /// <summary>The shape of the labels for an output.</summary>
    internal static long[] ShapeFor(LossOptions loss, long[] output)
    {
        var classes = loss.Type == LossType.CrossEntropy ? Axis(loss, output.Length) : -1;
        return [.. output.Where((_, axis) => axis != classes)];
    }

    /// <summary>The axis of classes, from the front.</summary>
    internal static int Axis(LossOptions loss, int rank) => (int)(loss.Axis < 0 ? loss.Axis + rank : loss.Axis);

    private static TensorElementType Declared(OnnxModel model, string output) =>
        model.Graph.Output.First(value => value.Name == output).ElementType() is var type && type.IsFloatingPoint() ? type : TensorElementType.Float;

    private void CheckShape(LossOptions loss, ValueDescription output, DataField field, Dataset dataset, int microBatchSize, bool isOwn)
    {
        long[] given = [microBatchSize, .. field.SampleShape];
        var wanted = ShapeFor(loss, output.Shape);
        if (given.AsSpan().SequenceEqual(wanted))
        {
            return;
        }

        if (wanted.Length == 0 || wanted[0] % microBatchSize != 0 || !IsSameInOrder(given, wanted))
        {
            var scores = loss.Type == LossType.CrossEntropy ? $"the scores '{output.Name}' with classes along axis {loss.Axis}" : $"the output '{output.Name}'";
            throw new DataException(
                $"{dataset.Name}.fields.{field.Name}: {field.Array.Name} makes labels of {NpyHeader.TextOf(given)} for a micro-batch, but {scores}, {NpyHeader.TextOf(output.Shape)}, "
                + $"{(loss.Type == LossType.CrossEntropy ? "need" : "needs")} {NpyHeader.TextOf(wanted)}; reshape the array, or correct model.loss.");
        }

        if (!isOwn)
        {
            _shapes[field.Name] = wanted;
        }
    }

    /// <summary>Whether two shapes differ only by axes of length 1, or by leading axes that one of them has as a single one.</summary>
    private static bool IsSameInOrder(long[] given, long[] wanted)
    {
        var (a, b) = (Without(given), Without(wanted));
        if (a.AsSpan().SequenceEqual(b))
        {
            return true;
        }

        var extra = a.Length - b.Length;
        return b.Length > 0 && extra > 0 && b[0] == a[..(extra + 1)].Aggregate(1L, (product, length) => product * length)
            && a.AsSpan(extra + 1).SequenceEqual(b.AsSpan(1));

        static long[] Without(long[] shape) => [.. shape.Where(length => length != 1)];
    }
}
