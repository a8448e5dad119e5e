namespace OrtZero.Sharding;

/// <summary>
/// An entry of <c>paramwise_cfg.groups</c>: which parameters it takes, and what it sets for them. A parameter must fit every
/// selector that is given, of which there is at least one; the first entry in the list that it fits takes it, before any custom key.
/// </summary>
public sealed record GroupRule
{
    /// <summary>What the group is called. Null: what selects it.</summary>
    public string? Name { get; init; }

    /// <summary>A part of the name, or, with * (any text) or ? (one character), a pattern of the whole name.</summary>
    public string? Match { get; init; }

    /// <summary>A .NET regular expression that matches somewhere in the name, without lookarounds and backreferences.</summary>
    public string? Regex { get; init; }

    /// <summary>Kinds of parameters; "bias" takes the shifts of norms too.</summary>
    public IReadOnlyList<ParameterKind>? Kinds { get; init; }

    /// <summary>Parameters with so many axes or fewer.</summary>
    public int? MaxNdim { get; init; }

    /// <summary>What is set.</summary>
    public CustomKeyRule Settings { get; init; } = new();
}
