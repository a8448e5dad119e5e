using System.Globalization;
using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>Makes up inputs that a model can run on.</summary>
public static class RandomInputs
{
    private const long MaximumElements = 1L << 28;

    /// <summary>Operators whose result holds the integers of their first input, moved or retyped at most.</summary>
    private static readonly HashSet<string> s_passing = new(StringComparer.Ordinal)
    {
        "Cast", "Concat", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
    };

    /// <summary>A tensor for every input that is no initializer, in the model's order.</summary>
    /// <exception cref="GradientException">The options name a symbol or an input that the model does not have, or an input is no tensor of numbers or too long for any.</exception>
    public static IReadOnlyList<RandomInput> Create(OnnxModel model, RandomInputOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var index = new GraphIndex(model.Graph);
        var inputs = model.Graph.Input.Where(input => index.Initializer(input.Name) is null).ToList();
        var symbols = inputs.SelectMany(input => input.Dimensions() ?? []).Select(axis => axis.Symbol).OfType<string>().ToHashSet(StringComparer.Ordinal);
        if (options.Dimensions.Keys.FirstOrDefault(name => !symbols.Contains(name)) is { } unknown)
        {
            throw new GradientException(symbols.Count == 0
                ? $"No axis is called '{unknown}': the model leaves no axis open, so give no lengths."
                : $"No axis is called '{unknown}': the model's open axes are {string.Join(", ", symbols.Order(StringComparer.Ordinal))}.");
        }

        if (options.Ranges.Keys.FirstOrDefault(name => inputs.TrueForAll(input => input.Name != name)) is { } missing)
        {
            throw new GradientException($"There is no input '{missing}': the model's inputs are {string.Join(", ", inputs.Select(input => input.Name))}.");
        }

        var random = new Random(options.Seed);
        return [.. inputs.Select(input => Create(input, index, options, random))];
    }

    private static RandomInput Create(ValueInfoProto input, GraphIndex index, RandomInputOptions options, Random random)
    {
        var type = input.ElementType();
        var shape = (input.Dimensions() ?? throw new GradientException($"Input '{input.Name}' has no shape: export the model with the shapes of its inputs."))
            .Select((axis, position) => axis.Length ?? (axis.Symbol is { } symbol && options.Dimensions.TryGetValue(symbol, out var length) ? length : position == 0 ? 2 : 8))
            .ToArray();
        if (shape.Aggregate((Int128)1, (product, length) => product * length) is var elements && elements > MaximumElements)
        {
            throw new GradientException(
                $"Input '{input.Name}' of shape [{string.Join(", ", shape)}] would have {elements} elements: give shorter lengths, or export the model with open axes.");
        }

        var count = (long)elements;
        if (type.IsFloatingPoint())
        {
            return options.Ranges.TryGetValue(input.Name, out var range)
                ? new RandomInput(Reals(input.Name, type, shape, count, () => range.Low + (random.NextDouble() * (range.High - range.Low))), Text(range))
                : new RandomInput(Reals(input.Name, type, shape, count, () => Normal(random)), "normal numbers");
        }

        if (type == TensorElementType.Bool)
        {
            return new RandomInput(TensorFactory.Raw(input.Name, type, shape, [.. Enumerable.Repeat((byte)1, checked((int)count))]), "all true");
        }

        if (!type.IsInteger() || type.SizeInBits() < 8)
        {
            throw new GradientException($"Input '{input.Name}' of type {type} cannot be made up: only numbers and bool can.");
        }

        var (low, high, origin) = options.Ranges.TryGetValue(input.Name, out var given)
            ? ((long)Math.Ceiling(given.Low), (long)Math.Floor(given.High), Text(given))
            : Derive(input.Name, index);
        if (high < low)
        {
            throw new GradientException($"No integer lies in the range of input '{input.Name}': give a range such as 0:9.");
        }

        return new RandomInput(Integers(input.Name, type, shape, count, () => random.NextInt64(low, high + 1)), origin);
    }

    /// <summary>The range of an integer input: the rows of the tables it indexes, else 1, which masks and lengths accept.</summary>
    private static (long Low, long High, string Origin) Derive(string name, GraphIndex index)
    {
        var (rows, table) = (long.MaxValue, "");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Queue<string>([name]);
        while (open.TryDequeue(out var value))
        {
            foreach (var node in seen.Add(value) ? index.Consumers(value) : [])
            {
                if (node.OpType == "Gather" && node.InputOrEmpty(1) == value && index.Initializer(node.Input[0]) is { } tensor && tensor.Dims.Count > 0)
                {
                    var axis = Internal.Shapes.Axis(node.GetInt("axis", 0), tensor.Dims.Count);
                    (rows, table) = tensor.Dims[axis] < rows ? (tensor.Dims[axis], tensor.Name) : (rows, table);
                }
                else if (s_passing.Contains(node.OpType) && node.InputOrEmpty(0) == value)
                {
                    foreach (var output in node.Output)
                    {
                        open.Enqueue(output);
                    }
                }
            }
        }

        return rows is long.MaxValue or 0
            ? (1, 1, "all 1, because it indexes no table")
            : (0, rows - 1, string.Create(CultureInfo.InvariantCulture, $"0 to {rows - 1}, the rows of '{table}'"));
    }

    private static TensorProto Reals(string name, TensorElementType type, long[] shape, long count, Func<double> next)
    {
        var values = new double[count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = next();
        }

        return type switch
        {
            TensorElementType.Double => TensorFactory.Raw(name, type, shape, MemoryMarshal.AsBytes<double>(values)),
            TensorElementType.Float => TensorFactory.FromSingles(name, shape, Array.ConvertAll(values, value => (float)value)),
            TensorElementType.Float16 => TensorFactory.Raw(name, type, shape, MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value))),
            _ => throw new GradientException($"Input '{name}' of type {type} cannot be made up: convert the model to float32 first."),
        };
    }

    private static TensorProto Integers(string name, TensorElementType type, long[] shape, long count, Func<long> next)
    {
        var size = type.SizeInBits() / 8;
        var bytes = new byte[checked(count * size)];
        for (var i = 0L; i < count; i++)
        {
            BitConverter.GetBytes(next()).AsSpan(0, size).CopyTo(bytes.AsSpan((int)(i * size)));
        }

        return TensorFactory.Raw(name, type, shape, bytes);
    }

    /// <summary>Box and Muller's transformation of two uniform numbers.</summary>
    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static string Text((double Low, double High) range) => string.Create(CultureInfo.InvariantCulture, $"{range.Low:g6} to {range.High:g6}, as asked for");
}
