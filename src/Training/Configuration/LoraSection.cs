using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>model.lora</c> section: low-rank adapters, which are trained in the place of the weights they stand beside. The names are those of
/// PEFT's LoraConfig.
/// </summary>
public sealed record LoraSection
{
    /// <summary>Accepted for the sake of pasted sections. Default: "LoraConfig".</summary>
    public LoraKind Type { get; init; }

    /// <summary>The rank of the adapters. Default: 8.</summary>
    [Limits(AtLeast = 1)]
    public int R { get; init; } = 8;

    /// <summary>What adapters add is multiplied by lora_alpha / r. Default: 8.</summary>
    [Limits(Above = 0)]
    public double LoraAlpha { get; init; } = 8;

    /// <summary>The probability of an element of what comes into an adapter to be dropped in training, whatever model.dropout says. Default: 0.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double LoraDropout { get; init; }

    /// <summary>
    /// The modules that get an adapter: the end of the module's path ("qkv" or "attn.qkv"), with * or ? a pattern of the whole path or of the
    /// node's name, after "regex:" a regular expression. "all-linear", or null: every weight of a MatMul or Gemm except the output layer.
    /// </summary>
    public IReadOnlyList<string>? TargetModules { get; init; }

    /// <summary>Modules that get none all the same, written as in target_modules. Null: none.</summary>
    public IReadOnlyList<string>? ExcludeModules { get; init; }

    /// <summary>
    /// Modules that are trained whole beside the adapters: part of the path of their parameters ("head", "layers.0.norm"), with * or ? a
    /// pattern of a parameter's whole name, after "regex:" a regular expression. Null: none.
    /// </summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Which biases are trained: "none", "all", or "lora_only" for those of modules with an adapter. Default: "none".</summary>
    public LoraBias Bias { get; init; }

    /// <summary>Whether what adapters add is multiplied by lora_alpha / √r instead (Kalajdzievski 2023). Default: false.</summary>
    public bool UseRslora { get; init; }

    /// <summary>Other ranks for modules, which are written as in target_modules; the first that fits counts. Default: none.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Another lora_alpha for modules, in the same way. Default: none.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>What PEFT's classes need; goes into exported adapters and has no effect on training. Null: none.</summary>
    public string? TaskType { get; init; }
}
