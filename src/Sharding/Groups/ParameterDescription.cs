using OrtZero.Onnx;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>One parameter as the grouping rules see it.</summary>
/// <param name="Name">Its name in the imported model; modules are separated by dots, the last part is the leaf name.</param>
/// <param name="Shape">Lengths of its axes; empty for a scalar.</param>
/// <param name="Kind">What it is.</param>
/// <param name="IsBias">Whether the graph adds it rather than multiplies by it.</param>
public sealed record ParameterDescription(string Name, long[] Shape, ParameterKind Kind, bool IsBias = false)
{
    /// <summary>The type of the module it belongs to. Follows from <see cref="Kind"/> unless set.</summary>
    public ModuleKind Module { get; init; } = Kind switch
    {
        ParameterKind.Norm => ModuleKind.Normalization,
        ParameterKind.Embedding => ModuleKind.Embedding,
        ParameterKind.DepthwiseConvolution => ModuleKind.DepthwiseConvolution,
        ParameterKind.Convolution => ModuleKind.Convolution,
        ParameterKind.Linear => ModuleKind.Linear,
        _ => ModuleKind.Other,
    };

    /// <summary>Spatial axes of the convolution it belongs to; 0 if it belongs to none.</summary>
    public int SpatialRank { get; init; } = Kind is ParameterKind.Convolution or ParameterKind.DepthwiseConvolution
        ? Shape.Length - 2
        : 0;

    /// <summary>Whether it belongs to the offset convolution of a deformable convolution.</summary>
    public bool IsDeformableOffset { get; init; }

    /// <summary>
    /// The lists of numbered modules, such as "encoder.blocks", whose first module computes with what this parameter gave: it
    /// comes before them.
    /// </summary>
    public IReadOnlyList<string> Feeds { get; init; } = [];

    /// <summary>Why it is not trained, whatever the patterns of model.frozen say: one sentence. Null: it is, if they let it.</summary>
    public string? FrozenReason { get; init; }

    /// <summary>The use in the graph that <see cref="Kind"/> was concluded from; empty if unknown.</summary>
    public string Evidence { get; init; } = "";

    /// <summary>
    /// Whether it has one axis in the program it comes from. Exporters store a recurrent layer's biases side by side, and the scale and shift of
    /// a normalization over channels with axes of length 1 behind them.
    /// </summary>
    public bool IsFlat => Shape.Length == 1
        || (Module == ModuleKind.Recurrent && IsBias)
        || (Kind == ParameterKind.Norm && Shape.Length > 1 && Shape[0] > 1 && !Shape.AsSpan(1).ContainsAnyExcept(1L));

    /// <summary>The part of the name after the last dot (or slash): MMEngine's rules for biases ask whether it is exactly "bias".</summary>
    public string LeafName => Name[(Name.AsSpan().LastIndexOfAny('.', '/') + 1)..];

    /// <summary>Describes parameters of a model, in the order given.</summary>
    /// <param name="model">The imported model; every parameter is an initializer of it.</param>
    /// <param name="parameters">Names of initializers.</param>
    /// <exception cref="ParameterGroupException">A name is not an initializer of the model.</exception>
    public static IReadOnlyList<ParameterDescription> Describe(OnnxModel model, IEnumerable<string> parameters)
    {
        ArgumentNullException.ThrowIfNull(model);
        var names = parameters.ToList();
        var uses = ParameterKinds.Detect(model, names);
        var feeds = LayerLists.Feeders(model.Graph, names);
        var shapes = model.Graph.Initializer.ToDictionary(tensor => tensor.Name, tensor => tensor.Dims.ToArray(), StringComparer.Ordinal);
        return names.ConvertAll(name =>
        {
            var use = uses[name];
            return new ParameterDescription(name, shapes[name], use.Kind, use.IsBias)
            {
                Module = use.Module,
                SpatialRank = use.SpatialRank,
                IsDeformableOffset = use.IsDeformableOffset,
                Evidence = use.Evidence,
                Feeds = feeds.GetValueOrDefault(name, []),
            };
        });
    }
}
