using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>An activation function of a recurrent layer, with its numbers.</summary>
internal sealed record RecurrentActivation(string Name, double Alpha, double Beta)
{
    // The functions that take numbers from activation_alpha and activation_beta, with their defaults.
    private static readonly Dictionary<string, (double? Alpha, double? Beta)> s_defaults = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Relu"] = (null, null), ["Tanh"] = (null, null), ["Sigmoid"] = (null, null), ["Softsign"] = (null, null), ["Softplus"] = (null, null),
        ["Affine"] = (1, 0), ["LeakyRelu"] = (0.01, null), ["ThresholdedRelu"] = (1, null), ["ScaledTanh"] = (1, 1),
        ["HardSigmoid"] = (0.2, 0.5), ["Elu"] = (1, null),
    };

    /// <summary>The activations of one of several directions.</summary>
    public static RecurrentActivation[] Of(LoweringContext context, int direction, int directions, string[] defaults)
    {
        var node = context.Node;
        var names = node.Attribute.FirstOrDefault(attribute => attribute.Name == "activations")?.Strings.Select(name => name.ToStringUtf8()).ToArray();
        if (names is null || names.Length == 0)
        {
            names = [.. Enumerable.Repeat(defaults, directions).SelectMany(name => name)];
        }

        var alphas = new Queue<float>(Floats("activation_alpha"));
        var betas = new Queue<float>(Floats("activation_beta"));
        var all = new List<RecurrentActivation>();
        foreach (var name in names)
        {
            if (!s_defaults.TryGetValue(name, out var numbers))
            {
                throw context.Unsupported($"its activation '{name}' has no gradient rule");
            }

            all.Add(new RecurrentActivation(
                s_defaults.Keys.First(key => key.Equals(name, StringComparison.OrdinalIgnoreCase)), Take(numbers.Alpha, alphas), Take(numbers.Beta, betas)));
        }

        return [.. all.Skip(direction * defaults.Length).Take(defaults.Length)];

        IEnumerable<float> Floats(string attribute) => node.Attribute.FirstOrDefault(item => item.Name == attribute)?.Floats ?? [];
    }

    public Value Apply(GraphEmitter graph, Value x) => Name switch
    {
        "Affine" => graph.Add(graph.Mul(x, Alpha), Beta),
        "ScaledTanh" => graph.Mul(graph.Unary("Tanh", graph.Mul(x, Beta)), Alpha),
        "HardSigmoid" => graph.Unary("HardSigmoid", x, node => node.SetFloat("alpha", (float)Alpha).SetFloat("beta", (float)Beta)),
        "LeakyRelu" or "ThresholdedRelu" or "Elu" => graph.Unary(Name, x, node => node.SetFloat("alpha", (float)Alpha)),
        _ => graph.Unary(Name, x),
    };

    private static double Take(double? otherwise, Queue<float> given) =>
        otherwise is { } number ? given.TryDequeue(out var next) ? next : number : 0;
}
