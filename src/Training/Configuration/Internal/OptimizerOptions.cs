namespace OrtZero.Training.Internal;

/// <summary>Which keys of the optimizer section belong to which type.</summary>
internal static class OptimizerOptions
{
    private static readonly string[] s_common = ["type", "lr", "weight_decay"];

    private static readonly Dictionary<OptimizerKind, string[]> s_options = new()
    {
        [OptimizerKind.AdamW] = ["betas", "eps"],
        [OptimizerKind.Adam] = ["betas", "eps"],
        [OptimizerKind.Sgd] = ["momentum", "dampening", "nesterov"],
        [OptimizerKind.RmsProp] = ["alpha", "eps", "centered", "momentum"],
        [OptimizerKind.Adagrad] = ["eps", "lr_decay", "initial_accumulator_value"],
        [OptimizerKind.Lion] = ["betas"],
        [OptimizerKind.Lamb] = ["betas", "eps"],
        [OptimizerKind.Adafactor] = ["beta2_decay", "eps", "d"],
        [OptimizerKind.Muon] = ["momentum", "nesterov", "ns_steps", "adjust_lr_fn", "betas", "eps", "use_muon"],
    };

    /// <summary>The name of a type in cfg.json.</summary>
    public static string NameOf(OptimizerKind kind) =>
        SettingDescription.EnumNames(typeof(OptimizerKind)).First(name => kind.Equals(name.Value)).Name;

    /// <summary>Whether a type has an option; unknown keys are not this rule's business.</summary>
    public static bool Has(OptimizerKind kind, string key) =>
        s_common.Contains(key) || s_options[kind].Contains(key) || !s_options.Values.Any(options => options.Contains(key));

    /// <summary>What to say about an option that a type does not have.</summary>
    public static string Refusal(OptimizerKind kind, string key)
    {
        var owners = s_options.Where(pair => pair.Value.Contains(key)).Select(pair => NameOf(pair.Key)).ToList();
        var list = owners.Count == 1 ? owners[0] : $"{string.Join(", ", owners.SkipLast(1))} and {owners[^1]}";
        return $"is an option of {list}, not of {NameOf(kind)}; remove it.";
    }
}
