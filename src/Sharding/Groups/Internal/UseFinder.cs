using Google.Protobuf.Collections;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>Follows a parameter through the graph to the operators that give it a meaning.</summary>
internal sealed class UseFinder(ParameterGraph graph)
{
    // What a parameter with several uses is called: a table that is also the output head is an embedding.
    private static readonly ParameterKind[] s_precedence =
    [
        ParameterKind.Embedding, ParameterKind.Norm, ParameterKind.DepthwiseConvolution, ParameterKind.Convolution,
        ParameterKind.Linear, ParameterKind.Bias, ParameterKind.Other,
    ];

    private readonly NormalizationPatterns _patterns = new(graph);

    public ParameterUse Find(string parameter)
    {
        var shape = graph.Initializer(parameter)!.Dims;
        var best = new ParameterUse { Kind = ParameterKind.Other, Module = ModuleKind.Other };
        var seen = new HashSet<string>(StringComparer.Ordinal) { parameter };
        var waiting = new Queue<string>(seen);
        while (waiting.TryDequeue(out var value))
        {
            foreach (var read in graph.Reads(value))
            {
                var use = UseAt(read, shape);
                if (use is not null)
                {
                    best = Rank(use) < Rank(best) ? use : best;
                }
                else if (Continues(read))
                {
                    foreach (var output in read.Node.Output.Where(seen.Add))
                    {
                        waiting.Enqueue(output);
                    }
                }
                else if (best is { Kind: ParameterKind.Other, Evidence: "" })
                {
                    best = best with { Evidence = $"input {read.Position} of {read.Node.Describe()}" };
                }
            }
        }

        return best;
    }

    private static int Rank(ParameterUse use) => Array.IndexOf(s_precedence, use.Kind);

    // What is computed from parameters and constants only is still a parameter, for example 1 + weight.
    private bool Continues(ParameterRead read) =>
        (read.Position == 0 && (OperatorSets.Moves.Contains(read.Node.OpType) || OperatorSets.Cuts.Contains(read.Node.OpType)))
        || graph.IsFixed(read.Node.Output[0]);

    private ParameterUse? UseAt(ParameterRead read, RepeatedField<long> shape)
    {
        var (node, position) = read;
        switch (node.OpType)
        {
            case "Gather" or "GatherND" or "GatherElements":
                // A constant index picks one matrix out of a stack rather than rows of a table.
                var isTable = position == 0 && shape.Count > 1 && graph.Scalar(node.Input[1]) is null;
                return isTable ? Use(ParameterKind.Embedding, ModuleKind.Embedding, $"table of {node.Describe()}") : null;
            case "Mul" when IsVector(shape):
                return _patterns.Normalized(node.Input[1 - position]) is { } scaled
                    ? Use(ParameterKind.Norm, scaled, $"scale of {Normalization(scaled)} at {node.Describe()}")
                    : null;
            case "Add" when IsVector(shape):
                return AddedTo(node, node.Input[1 - position]);
        }

        return InputRoles.Of(node, position) switch
        {
            InputRole.Scale => Use(ParameterKind.Norm, ModuleOf(node), $"scale of {node.Describe()}"),
            InputRole.Shift => Use(ParameterKind.Norm, ModuleOf(node), $"shift of {node.Describe()}", isBias: true),
            InputRole.Statistic => Use(ParameterKind.Norm, ModuleOf(node), $"running statistic of {node.Describe()}"),
            InputRole.Weight => Use(ParameterKind.Linear, ModuleKind.Linear, $"weight of {node.Describe()}"),
            InputRole.Bias => Use(ParameterKind.Bias, ModuleKind.Linear, $"bias of {node.Describe()}", isBias: true),
            InputRole.Kernel => Kernel(node, isBias: false),
            InputRole.KernelBias => Kernel(node, isBias: true),
            InputRole.RecurrentWeight => Use(ParameterKind.Linear, ModuleKind.Recurrent, $"weight of {node.Describe()}"),
            InputRole.RecurrentBias => Use(ParameterKind.Bias, ModuleKind.Recurrent, $"bias of {node.Describe()}", isBias: true),
            InputRole.Table => Use(ParameterKind.Embedding, ModuleKind.Embedding, $"table of {node.Describe()}"),
            _ => null,
        };
    }

    private ParameterUse? AddedTo(NodeProto add, string other)
    {
        if (_patterns.Scaled(other) is { } normalized)
        {
            return Use(ParameterKind.Norm, normalized, $"shift of {Normalization(normalized)} at {add.Describe()}", isBias: true);
        }

        var product = graph.Producer(graph.SkipMoves(other));
        if (product is null || !OperatorSets.Products.TryGetValue(product.OpType, out var module))
        {
            return null;
        }

        return module == ModuleKind.Convolution
            ? Kernel(product, isBias: true)
            : Use(ParameterKind.Bias, module, $"bias added to {product.Describe()}", isBias: true);
    }

    private ParameterUse Kernel(NodeProto node, bool isBias)
    {
        var kernel = graph.Initializer(graph.SkipMoves(node.Input[1]))?.Dims;
        var rank = kernel is null ? node.GetInts("kernel_shape")?.Length ?? 0 : kernel.Count - 2;

        // in_channels == groups, which is how MMEngine tells them; it holds for one input channel without groups, too.
        var isDepthwise = kernel is { Count: > 2 } && kernel[1] == 1 && node.OpType is "Conv" or "FusedConv";
        var module = isDepthwise ? ModuleKind.DepthwiseConvolution : ModuleKind.Convolution;
        var kind = isBias ? ParameterKind.Bias : isDepthwise ? ParameterKind.DepthwiseConvolution : ParameterKind.Convolution;
        return Use(kind, module, $"{(isBias ? "bias" : "kernel")} of {node.Describe()}", isBias) with
        {
            SpatialRank = rank,
            IsDeformableOffset = ReachesOffsets(node.Output[0], 6),
        };
    }

    // The convolution in front of a deformable one: its channels are split into offsets and mask.
    private bool ReachesOffsets(string value, int limit) => limit > 0 && graph.Reads(value).Any(read =>
        read.Node.OpType switch
        {
            "DeformConv" => read.Position is 2 or 4,
            "MMCVDeformConv2d" or "MMCVModulatedDeformConv2d" => read.Position is 1 or 2,
            "Slice" or "Split" or "Concat" or "Sigmoid" or "Identity" or "Cast" or "Add" => read.Node.Output.Any(
                output => ReachesOffsets(output, limit - 1)),
            _ => false,
        });

    private static ModuleKind ModuleOf(NodeProto node) =>
        OperatorSets.Normalizations[node.OpType] ? ModuleKind.Normalization : ModuleKind.RmsNormalization;

    private static string Normalization(ModuleKind kind) =>
        kind == ModuleKind.RmsNormalization ? "an RMS normalization" : "a normalization";

    private static bool IsVector(RepeatedField<long> shape) => shape.Count(length => length != 1) <= 1;

    private static ParameterUse Use(ParameterKind kind, ModuleKind module, string evidence, bool isBias = false) =>
        new() { Kind = kind, Module = module, Evidence = evidence, IsBias = isBias };
}
