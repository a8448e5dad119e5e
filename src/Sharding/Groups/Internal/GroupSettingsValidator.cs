namespace OrtZero.Sharding.Internal;

/// <summary>Refuses values that no optimizer can use, and multipliers of a decay that was not given (as MMEngine does).</summary>
internal static class GroupSettingsValidator
{
    public static void Check(OptimizerSettings optimizer, ParamwiseRules rules)
    {
        NotNegative("optimizer.lr", optimizer.LearningRate);
        NotNegative("optimizer.weight_decay", optimizer.WeightDecay);
        Moments("optimizer", optimizer.Beta1, optimizer.Beta2, optimizer.Epsilon, optimizer.Momentum);
        NotNegative("paramwise_cfg.bias_lr_mult", rules.BiasLrMult);
        NotNegative("paramwise_cfg.dcn_offset_lr_mult", rules.DcnOffsetLrMult);
        NotNegative("paramwise_cfg.flat_decay_mult", rules.FlatDecayMult);
        DecayMultiplier("paramwise_cfg.bias_decay_mult", rules.BiasDecayMult, optimizer);
        DecayMultiplier("paramwise_cfg.norm_decay_mult", rules.NormDecayMult, optimizer);
        DecayMultiplier("paramwise_cfg.dwconv_decay_mult", rules.DwconvDecayMult, optimizer);
        foreach (var rule in rules.LayerDecay)
        {
            NotNegative("paramwise_cfg.layer_decay.rate", rule.Rate);
            NotNegative("paramwise_cfg.layer_decay.min_scale", rule.MinScale);
        }

        for (var index = 0; index < rules.Groups.Count; index++)
        {
            CheckSettings($"paramwise_cfg.groups[{index}]", rules.Groups[index].Settings, optimizer);
        }

        foreach (var (key, rule) in rules.CustomKeys)
        {
            var place = $"paramwise_cfg.custom_keys['{key}']";
            if (key.Length == 0)
            {
                throw new ParameterGroupException(
                    "paramwise_cfg.custom_keys has an empty key, which would match every parameter: set optimizer.lr and weight_decay instead.");
            }

            CheckSettings(place, rule, optimizer);
        }
    }

    private static void CheckSettings(string place, CustomKeyRule rule, OptimizerSettings optimizer)
    {
        NotNegative($"{place}.lr_mult", rule.LrMult);
        NotNegative($"{place}.lr", rule.Lr);
        NotNegative($"{place}.weight_decay", rule.WeightDecay);
        DecayMultiplier($"{place}.decay_mult", rule.DecayMult, optimizer);
        Moments(place, rule.Beta1, rule.Beta2, rule.Epsilon, rule.Momentum);
    }

    private static void DecayMultiplier(string name, double? value, OptimizerSettings optimizer)
    {
        NotNegative(name, value);
        if (value is not null && optimizer.WeightDecay is null)
        {
            throw new ParameterGroupException(
                $"{name} multiplies a weight decay that was not given: add \"weight_decay\" to the optimizer, for example 0.05.");
        }
    }

    private static void Moments(string place, double? beta1, double? beta2, double? epsilon, double? momentum)
    {
        Fraction($"{place}.betas[0]", beta1);
        Fraction($"{place}.betas[1]", beta2);
        NotNegative($"{place}.eps", epsilon);
        Fraction($"{place}.momentum", momentum);
    }

    private static void NotNegative(string name, double? value)
    {
        if (value is { } number && !(double.IsFinite(number) && number >= 0))
        {
            throw new ParameterGroupException($"{name} is {RuleResolver.Text(number)}; it must be a finite number and not negative.");
        }
    }

    private static void Fraction(string name, double? value)
    {
        if (value is { } number && !(number >= 0 && number < 1))
        {
            throw new ParameterGroupException($"{name} is {RuleResolver.Text(number)}; it must be at least 0 and below 1.");
        }
    }
}
