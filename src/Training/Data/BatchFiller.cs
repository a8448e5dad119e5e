using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// Copies samples from the files into the memory of the training graph's inputs, converted to their types and checked on the
/// way: floating point must be finite, labels must name a class. Nothing is allocated per call. One filler serves one thread.
/// </summary>
public sealed class BatchFiller
{
    private readonly Dataset _dataset;
    private readonly LabelRule?[] _labels;
    private readonly List<Feed> _feeds = [];

    /// <summary>Matches fields and inputs.</summary>
    /// <param name="dataset">The data.</param>
    /// <param name="microBatchSize">Samples per micro-batch.</param>
    /// <param name="inputs">
    /// The graph's inputs, the labels among them: each is fed from the field of its name. Axes of -1 take the field's length.
    /// </param>
    /// <param name="labels">Which labels are allowed, a rule for each field that holds some.</param>
    /// <exception cref="DataException">
    /// An input has no field, a field feeds nothing, or a shape or type does not go into the input.
    /// </exception>
    public BatchFiller(Dataset dataset, int microBatchSize, IReadOnlyList<ValueDescription> inputs, params IReadOnlyList<LabelRule> labels)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatchSize, 1);
        _dataset = dataset;
        foreach (var input in inputs)
        {
            _feeds.Add(new Feed(dataset, FieldOf(input.Name, inputs), input, microBatchSize));
        }

        foreach (var field in dataset.Fields.Keys.Where(field => !inputs.Any(input => input.Name == field)))
        {
            var near = NearestName.Find(field, inputs.Select(input => input.Name));
            throw new DataException(
                $"{dataset.Name}.fields.{field} feeds nothing, since the model has no input of that name; "
                + (near is null ? $"remove it or rename it to one of {string.Join(", ", inputs.Select(input => $"\"{input.Name}\""))}." : $"did you mean \"{near}\"?"));
        }

        Inputs = [.. _feeds.Select(feed => feed.Input)];
        _labels = [.. _feeds.Select(feed => labels.FirstOrDefault(rule => rule.Field == feed.Field.Name))];
    }

    /// <summary>The inputs in the order they were given, with the shape of a micro-batch.</summary>
    public IReadOnlyList<BatchInput> Inputs { get; }

    /// <summary>Copies a micro-batch of one input.</summary>
    /// <param name="input">Its position in <see cref="Inputs"/>.</param>
    /// <param name="samples">The samples; a micro-batch of them, or fewer for a shorter target.</param>
    /// <param name="target">The input's memory: as many bytes as the samples need.</param>
    /// <exception cref="DataException">A value is NaN or infinite, does not fit the input's type, or is a label that is no class.</exception>
    public void Fill(int input, ReadOnlySpan<int> samples, Span<byte> target)
    {
        var feed = _feeds[input];
        ArgumentOutOfRangeException.ThrowIfNotEqual(target.Length, samples.Length * feed.SampleBytes);
        for (var index = 0; index < samples.Length; index++)
        {
            var sample = target.Slice(index * feed.SampleBytes, feed.SampleBytes);
            feed.Copy(samples[index], sample);
            if (_labels[input] is { } rule && feed.Input.Type == TensorElementType.Int64)
            {
                CheckLabels(MemoryMarshal.Cast<byte, long>(sample), feed, samples[index], rule);
            }
        }
    }

    private DataField FieldOf(string input, IReadOnlyList<ValueDescription> inputs)
    {
        if (_dataset.Fields.TryGetValue(input, out var field))
        {
            return field;
        }

        var near = NearestName.Find(input, _dataset.Fields.Keys.Where(name => !inputs.Any(other => other.Name == name)));
        throw new DataException(
            $"The model input \"{input}\" has no data; add \"{input}\" to {_dataset.Name}.fields"
            + (near is null ? "." : $", or rename the field \"{near}\" to it."));
    }

    private static void CheckLabels(ReadOnlySpan<long> values, Feed feed, int sample, LabelRule rule)
    {
        var (classes, ignored) = ((ulong)rule.Classes, rule.IgnoreIndex);
        for (var index = 0; index < values.Length; index++)
        {
            if ((ulong)values[index] >= classes && values[index] != ignored)
            {
                throw new DataException(
                    $"{feed.Place(sample, index)} is the label {values[index]}, but the model has {classes} classes (0 to {classes - 1}) and model.loss.ignore_index is {ignored}; correct the label or set ignore_index to {values[index]}.");
            }
        }
    }

    /// <summary>One field on its way into one input.</summary>
    private sealed class Feed
    {
        private readonly ElementConverter _converter;
        private readonly byte[]? _staging;
        private readonly string _place;

        public Feed(Dataset dataset, DataField field, ValueDescription input, int microBatchSize)
        {
            Field = field;
            _place = $"{dataset.Name}.fields.{field.Name}";
            var place = $"{_place}: {field.Array.Name}";
            long[] batch = [microBatchSize, .. field.SampleShape];
            var fits = input.Shape.Length == batch.Length
                && input.Shape.Zip(batch).All(pair => pair.First < 0 || pair.First == pair.Second);
            if (!fits)
            {
                throw new DataException(
                    $"{place} has the shape {NpyHeader.TextOf(field.Array.Shape)}, which makes a micro-batch of {NpyHeader.TextOf(batch)}, but the model input \"{input.Name}\" is {NpyHeader.TextOf(input.Shape)}; reshape the array or export the model for it.");
            }

            _converter = ElementConverter.Create(field.Array.ElementType, input.Type)
                ?? throw new DataException(
                    $"{place} holds {field.Array.ElementType}, which does not go into the model input \"{input.Name}\" of type {input.Type} without loss; save the array in that type.");
            var bytes = input.Type.SizeInBytes(field.SampleElements);
            if (Math.Max(bytes, field.SampleBytes) * microBatchSize > int.MaxValue)
            {
                throw new DataException($"{place} needs {bytes * microBatchSize} bytes per micro-batch, but at most {int.MaxValue} are possible; make micro_batch_size smaller.");
            }

            SampleBytes = (int)bytes;
            Input = new BatchInput(input.Name, input.Type, batch, bytes * microBatchSize);
            _staging = field.Array.ElementType == input.Type ? null : new byte[field.SampleBytes];
        }

        public DataField Field { get; }

        public BatchInput Input { get; }

        /// <summary>Bytes of a sample in the graph.</summary>
        public int SampleBytes { get; }

        public void Copy(int sample, Span<byte> target)
        {
            long wrong;
            if (_staging is null)
            {
                Field.Read(sample, target);
                wrong = _converter.IndexOfNonFinite(target);
            }
            else
            {
                Field.Read(sample, _staging);
                wrong = _converter.Convert(_staging, target);
            }

            if (wrong >= 0)
            {
                var value = _converter.Element(_staging is null ? target : _staging, wrong);
                throw new DataException($"{Place(sample, wrong)} is {value}, which {(IsFinite(value) ? $"does not fit into {Input.Type}" : "training cannot use")}; correct the data.");
            }
        }

        /// <summary>Names an element: file, sample and position within it.</summary>
        public string Place(int sample, long index)
        {
            var position = new long[Field.SampleShape.Count];
            for (var axis = position.Length - 1; axis >= 0; axis--)
            {
                (index, position[axis]) = Math.DivRem(index, Field.SampleShape[axis]);
            }

            return $"{Field.Array.Name}: element {NpyHeader.TextOf([Field.PlaceOf(sample), .. position])} (sample {Field.PlaceOf(sample)} of {_place})";
        }

        private static bool IsFinite(string value) =>
            double.TryParse(value, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number);
    }
}
