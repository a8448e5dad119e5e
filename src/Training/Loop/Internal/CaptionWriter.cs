using System.Numerics.Tensors;
using System.Text;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>
/// Lets a model that predicts the next token write text for one validation sample: it starts from the sample's first token
/// and appends the most probable one until the end token or the last position.
/// </summary>
internal sealed class CaptionWriter
{
    private const string Shades = " .:-=+*#%@";

    private readonly TrainingMaterials _materials;
    private readonly Evaluator _evaluator;
    private readonly SampleSection _section;
    private readonly string[] _vocabulary;

    private CaptionWriter(TrainingMaterials materials, Evaluator evaluator, SampleSection section, string[] vocabulary)
    {
        _materials = materials;
        _evaluator = evaluator;
        _section = section;
        _vocabulary = vocabulary;
    }

    /// <summary>Null: the configuration asks for no sample.</summary>
    internal static CaptionWriter? Create(TrainingMaterials materials, Evaluator evaluator)
    {
        var evaluation = materials.Configuration.Evaluation;
        if (evaluation.Sample is not { } section || evaluation.Vocabulary is not { } path)
        {
            return null;
        }

        foreach (var field in (string?[])[section.Picture, section.Tokens])
        {
            if (field is not null && !materials.Validation![0].Fields.ContainsKey(field))
            {
                throw new DataException($"evaluation.sample names the field \"{field}\", which data.val.fields does not have: name one of {string.Join(", ", materials.Validation[0].Fields.Keys)}.");
            }
        }

        try
        {
            var vocabulary = JsonSerializer.Deserialize<string[]>(File.ReadAllBytes(path)) ?? [];
            return new CaptionWriter(materials, evaluator, section, vocabulary);
        }
        catch (JsonException exception)
        {
            throw new DataException($"{path} is not a vocabulary, a JSON list with the text of every token: {exception.Message}", exception);
        }
    }

    internal SamplePrediction Write(int sample)
    {
        var data = _materials.Validation![0];
        using var buffers = _materials.Buffers(data);
        buffers.Fill(Enumerable.Repeat(sample, _materials.Configuration.MicroBatchSize).ToArray());
        var loss = _materials.Classification;
        var labels = loss?.Labels is { } name ? buffers.Tensors[name].Span<long>()[..(int)data.Fields[name].SampleElements].ToArray() : [];
        return new SamplePrediction(
            _section.Picture is { } picture ? Draw(buffers.Tensors[picture].Span<float>(), data.Fields[picture].SampleShape) : [],
            Generate(buffers),
            Text(labels.Where(label => label != loss!.IgnoreIndex)));
    }

    private string Generate(InputBuffers buffers)
    {
        var tokens = buffers.Tensors[_section.Tokens];
        var length = (int)(tokens.ElementCount / tokens.Shape[0]);
        tokens.Span<long>()[1..length].Clear();
        var written = new List<long>();
        for (var position = 0; position < length; position++)
        {
            var scores = _evaluator.Scores(buffers.Tensors);
            var classes = scores.Length / (int)tokens.ElementCount;
            var token = TensorPrimitives.IndexOfMax(scores.AsSpan(position * classes, classes));
            if (Word(token) == "\n")
            {
                break;
            }

            written.Add(token);
            if (position + 1 < length)
            {
                tokens.Span<long>()[position + 1] = token;
            }
        }

        return Text(written);
    }

    private string Text(IEnumerable<long> tokens) => string.Concat(tokens.Select(Word)).TrimEnd('\n');

    private string Word(long token) => token >= 0 && token < _vocabulary.Length ? _vocabulary[token] : $"<{token}>";

    // Two rows of pixels become one line, since characters are about twice as high as wide.
    private static List<string> Draw(ReadOnlySpan<float> pixels, IReadOnlyList<long> shape)
    {
        var (height, width) = shape.Count >= 2 ? ((int)shape[^2], (int)shape[^1]) : (1, (int)shape[^1]);
        var plane = pixels[..(height * width)];
        var (low, high) = (TensorPrimitives.Min(plane), TensorPrimitives.Max(plane));
        var lines = new List<string>();
        for (var row = 0; row < height; row += 2)
        {
            var line = new StringBuilder(width);
            for (var column = 0; column < width; column++)
            {
                var value = plane[(row * width) + column];
                value = row + 1 < height ? Math.Max(value, plane[((row + 1) * width) + column]) : value;
                var shade = high > low ? (value - low) / (high - low) : 0;
                line.Append(Shades[(int)Math.Round(shade * (Shades.Length - 1))]);
            }

            lines.Add(line.ToString().TrimEnd());
        }

        // Empty margins above and below say nothing.
        var first = lines.FindIndex(line => line.Length > 0);
        return first < 0 ? [] : lines[first..(lines.FindLastIndex(line => line.Length > 0) + 1)];
    }
}
