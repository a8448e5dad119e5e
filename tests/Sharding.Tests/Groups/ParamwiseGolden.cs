using System.Text.Json;
using OrtZero.Onnx;

namespace OrtZero.Sharding.Tests;

/// <summary>The cases of golden/paramwise.json, made by MMEngine's DefaultOptimWrapperConstructor.</summary>
internal static class ParamwiseGolden
{
    public static readonly string[] Names = ["plain", "llava_seed", "three_modules", "norm_bias", "dw_flat", "longest_key_wins"];

    private static readonly JsonElement s_cases = JsonDocument
        .Parse(File.ReadAllText(RepositoryPaths.Fixture("golden", "paramwise.json"))).RootElement.GetProperty("cases");

    public static IEnumerable<string> NamesInFile => s_cases.EnumerateArray().Select(entry => entry.GetProperty("name").GetString()!);

    public static JsonElement Case(string name) => s_cases.EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);

    public static OptimizerSettings Optimizer(JsonElement entry)
    {
        var optimizer = entry.GetProperty("optim_wrapper").GetProperty("optimizer");
        return new OptimizerSettings
        {
            Type = optimizer.GetProperty("type").GetString()!,
            LearningRate = optimizer.GetProperty("lr").GetDouble(),
            WeightDecay = optimizer.GetProperty("weight_decay").GetDouble(),
        };
    }

    public static ParamwiseRules? Rules(JsonElement entry)
    {
        if (!entry.GetProperty("optim_wrapper").TryGetProperty("paramwise_cfg", out var rules))
        {
            return null;
        }

        var keys = rules.TryGetProperty("custom_keys", out var custom)
            ? custom.EnumerateObject().ToDictionary(
                key => key.Name,
                key => new CustomKeyRule { LrMult = Number(key.Value, "lr_mult"), DecayMult = Number(key.Value, "decay_mult") })
            : [];
        return new ParamwiseRules
        {
            BiasLrMult = Number(rules, "bias_lr_mult"),
            BiasDecayMult = Number(rules, "bias_decay_mult"),
            NormDecayMult = Number(rules, "norm_decay_mult"),
            DwconvDecayMult = Number(rules, "dwconv_decay_mult"),
            FlatDecayMult = Number(rules, "flat_decay_mult"),
            CustomKeys = keys,
        };
    }

    /// <summary>The parameters of vlm.onnx, described from its graph.</summary>
    public static IReadOnlyList<ParameterDescription> Vlm()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));
        var names = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "params.json"))).RootElement;
        return ParameterDescription.Describe(model, names.EnumerateObject().Select(parameter => parameter.Name));
    }

    private static double? Number(JsonElement section, string name) =>
        section.TryGetProperty(name, out var value) ? value.GetDouble() : null;
}
