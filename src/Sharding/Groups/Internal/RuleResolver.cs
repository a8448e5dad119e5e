using System.Globalization;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// MMEngine's DefaultOptimWrapperConstructor for one parameter at a time (mmengine/optim/optimizer/default_constructor.py),
/// with the reason for what it decides; and before, between and after its rules the ones it does not have.
/// </summary>
internal sealed class RuleResolver(OptimizerSettings optimizer, ParamwiseRules rules, IReadOnlyList<ParameterDescription> parameters)
{
    private readonly string[] _keys = NamePattern.InOrder(rules.CustomKeys.Keys);

    /// <summary>The key that decides for a parameter, or null.</summary>
    public string? KeyFor(string parameter) => Array.Find(_keys, key => NamePattern.KeyMatches(key, parameter));

    /// <summary>The entries of paramwise_cfg.groups.</summary>
    public IReadOnlyList<GroupSelector> Groups { get; } = [.. rules.Groups.Select((rule, index) => new GroupSelector(rule, index))];

    private readonly LayerDecay[] _layers = [.. rules.LayerDecay.Select(rule => new LayerDecay(rule, parameters))];

    public ResolvedRule Resolve(ParameterDescription parameter)
    {
        var group = Groups.FirstOrDefault(group => group.Matches(parameter));
        var key = group?.Label ?? KeyFor(parameter.Name);
        var custom = group?.Rule.Settings ?? (key is null ? null : rules.CustomKeys[key]);
        var rate = optimizer.LearningRate;
        var decay = optimizer.EffectiveWeightDecay;
        var rateReason = $"lr {Text(rate)}";
        var decayReason = optimizer.WeightDecay is null
            ? $"weight_decay {Text(decay)} ({optimizer.Type}'s default)"
            : $"weight_decay {Text(decay)}";
        if (key is not null && custom is not null)
        {
            (rate, rateReason) = UnderKey("lr", key, rate, custom.LrMult, custom.Lr, rateReason);
            (decay, decayReason) = UnderKey("weight_decay", key, decay, custom.DecayMult, custom.WeightDecay, decayReason);
        }

        var (rateMultiplier, decayMultiplier) = (1.0, 1.0);
        if (key is null || !rules.CustomOverridesKinds)
        {
            if (RateRule(parameter) is var (rateName, rateFactor))
            {
                rateMultiplier = rateFactor;
                rateReason += $" × {Text(rateFactor)} ({rateName})";
            }

            // Without a base decay MMEngine touches no decay at all; the optimizer's own default stays.
            if (optimizer.WeightDecay is not null && !HasNoDecay(parameter, custom, out _) && DecayRule(parameter) is var (decayName, decayFactor))
            {
                decayMultiplier = decayFactor;
                decayReason += $" × {Text(decayFactor)} ({decayName})";
            }
        }

        if (HasNoDecay(parameter, custom, out var noDecay))
        {
            decayMultiplier = 0;
            decayReason += $" × 0 ({noDecay})";
        }

        rate *= rateMultiplier;
        (string?, int)? layer = null;
        if (Array.Find(_layers, layers => layers.Covers(parameter.Name)) is { } decaying)
        {
            var (number, last, scale) = decaying.Of(parameter);
            layer = (decaying.Scope, number);
            rate *= scale;
            rateReason += $" × {Text(scale)} (layer_decay, layer {number} of {last})";
        }

        var matched = group is not null ? $"group '{key}' ({group.Description}): " : key is null ? "" : $"custom key '{key}': ";
        return new ResolvedRule(
            key, custom, layer, rate, decay * decayMultiplier, rateMultiplier, decayMultiplier, $"{matched}{rateReason}, {decayReason}.");
    }

    // These hold under a key or a group too, unless that says what the decay is.
    private bool HasNoDecay(ParameterDescription parameter, CustomKeyRule? custom, out string reason)
    {
        reason = "";
        if (custom is { DecayMult: not null } or { WeightDecay: not null })
        {
            return false;
        }

        foreach (var kind in rules.NoDecayKinds)
        {
            if (GroupSelector.IsOfKind(parameter, kind))
            {
                reason = $"no_decay_kinds {GroupSelector.KindName(kind)}";
                return true;
            }
        }

        reason = $"no_decay_max_ndim {rules.NoDecayMaxNdim}";
        return parameter.Shape.Length <= rules.NoDecayMaxNdim;
    }

    private bool IsBias(ParameterDescription parameter) =>
        parameter.LeafName == "bias" || (!rules.CustomOverridesKinds && parameter.Kind == ParameterKind.Bias);

    private bool IsNorm(ParameterDescription parameter) =>
        parameter.Module == ModuleKind.Normalization || (!rules.CustomOverridesKinds && parameter.Module == ModuleKind.RmsNormalization);

    // The offset rule is tried last in MMEngine and overwrites what the bias rule set.
    private (string Name, double Multiplier)? RateRule(ParameterDescription parameter)
    {
        if (parameter.IsDeformableOffset)
        {
            return parameter.Name.Contains("conv_offset", StringComparison.Ordinal) && rules.DcnOffsetLrMult is { } offset
                ? ("dcn_offset_lr_mult", offset)
                : null;
        }

        return IsBias(parameter) && !IsNorm(parameter) && rules.BiasLrMult is { } bias ? ("bias_lr_mult", bias) : null;
    }

    // The first rule that is given and applies wins.
    private (string Name, double Multiplier)? DecayRule(ParameterDescription parameter)
    {
        if (IsNorm(parameter) && rules.NormDecayMult is { } norm)
        {
            return ("norm_decay_mult", norm);
        }

        if (IsBias(parameter) && !parameter.IsDeformableOffset && rules.BiasDecayMult is { } bias)
        {
            return ("bias_decay_mult", bias);
        }

        if (parameter is { Module: ModuleKind.DepthwiseConvolution, SpatialRank: 2 } && rules.DwconvDecayMult is { } depthwise)
        {
            return ("dwconv_decay_mult", depthwise);
        }

        return parameter.IsFlat && !parameter.IsDeformableOffset && rules.FlatDecayMult is { } flat
            ? ("flat_decay_mult", flat)
            : null;
    }

    private static (double Value, string Reason) UnderKey(
        string setting, string key, double value, double? multiplier, double? absolute, string reason) =>
        (multiplier, absolute) switch
        {
            (_, { } given) => (given, $"{setting} {Text(given)} (set by '{key}')"),
            ({ } factor, _) => (value * factor, $"{reason} × {Text(factor)}"),
            _ => (value, reason),
        };

    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
