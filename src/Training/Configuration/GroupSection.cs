using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One entry of <c>optim_wrapper.paramwise_cfg.groups</c>. A parameter must fit every selector that is given (match, regex,
/// kinds, max_ndim); the first entry it fits takes it.
/// </summary>
public sealed record GroupSection : CustomKeySection
{
    /// <summary>What the group is called in logs. Null: its match or regex.</summary>
    public string? Name { get; init; }

    /// <summary>Selects by a part of the name or, with * (any text) or ? (one character), by a pattern of the whole name. Null: any.</summary>
    public string? Match { get; init; }

    /// <summary>Selects by a regular expression that matches somewhere in the name; no lookarounds or backreferences. Null: any.</summary>
    public string? Regex { get; init; }

    /// <summary>Selects by what the graph does with the parameter; "bias" takes the shifts of norms too. Null: any.</summary>
    public IReadOnlyList<ParameterKind>? Kinds { get; init; }

    /// <summary>Selects parameters with so many axes or fewer. Null: any.</summary>
    [Limits(AtLeast = 0)]
    public int? MaxNdim { get; init; }
}
