using System.Globalization;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// MMEngine's DefaultOptimWrapperConstructor for one parameter at a time (mmengine/optim/optimizer/default_constructor.py),
/// with the reason for what it decides.
/// </summary>
internal sealed class RuleResolver(OptimizerSettings optimizer, ParamwiseRules rules)
{
    private readonly string[] _keys = NamePattern.InOrder(rules.CustomKeys.Keys);

    /// <summary>The key that decides for a parameter, or null.</summary>
    public string? KeyFor(string parameter) => Array.Find(_keys, key => NamePattern.KeyMatches(key, parameter));

    public ResolvedRule Resolve(ParameterDescription parameter)
    {
        var key = KeyFor(parameter.Name);
        var rate = optimizer.LearningRate;
        var decay = optimizer.EffectiveWeightDecay;
        var rateReason = $"lr {Text(rate)}";
        var decayReason = optimizer.WeightDecay is null
            ? $"weight_decay {Text(decay)} ({optimizer.Type}'s default)"
            : $"weight_decay {Text(decay)}";
        if (key is not null)
        {
            (rate, rateReason) = UnderKey("lr", key, rate, rules.CustomKeys[key].LrMult, rules.CustomKeys[key].Lr, rateReason);
            (decay, decayReason) = UnderKey(
                "weight_decay", key, decay, rules.CustomKeys[key].DecayMult, rules.CustomKeys[key].WeightDecay, decayReason);
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
            if (optimizer.WeightDecay is not null && DecayRule(parameter) is var (decayName, decayFactor))
            {
                decayMultiplier = decayFactor;
                decayReason += $" × {Text(decayFactor)} ({decayName})";
            }
        }

        var matched = key is null ? "" : $"custom key '{key}': ";
        return new ResolvedRule(
            key, rate * rateMultiplier, decay * decayMultiplier, rateMultiplier, decayMultiplier, $"{matched}{rateReason}, {decayReason}.");
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

        return parameter.Shape.Length == 1 && !parameter.IsDeformableOffset && rules.FlatDecayMult is { } flat
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
