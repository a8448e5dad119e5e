using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>A folder with adapters as PEFT's <c>save_pretrained</c> writes it and <c>PeftModel.from_pretrained</c> reads it.</summary>
internal static class AdapterFolder
{
    private const string Prefix = "base_model.model.";

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="folder">The folder; made if it is not there.</param>
    /// <param name="state">The adapters.</param>
    /// <param name="modelPath">The base model.</param>
    /// <param name="trained">The trained values of a parameter; null for one that was not trained.</param>
    /// <param name="parameters">What was trained.</param>
    internal static void Write(
        string folder, AdapterState state, string? modelPath, Func<string, float[]?> trained, IReadOnlyList<CheckpointParameter> parameters)
    {
        Directory.CreateDirectory(folder);
        var tensors = new List<SafetensorsTensor>();
        foreach (var adapter in state.Adapters)
        {
            tensors.Add(Tensor(adapter.A, [adapter.Rank, adapter.Inputs], trained(adapter.A) ?? LowRankAdaptation.Start(adapter, state.Seed)));
            tensors.Add(Tensor(adapter.B, [adapter.Outputs, adapter.Rank], trained(adapter.B) ?? new float[adapter.Outputs * adapter.Rank]));
        }

        var own = tensors.Select(tensor => tensor.Name[Prefix.Length..]).ToHashSet(StringComparer.Ordinal);
        foreach (var parameter in parameters.Where(parameter => !own.Contains(parameter.Name)))
        {
            var values = trained(parameter.Name)!;
            tensors.Add(state.Transposed.Contains(parameter.Name) && parameter.Shape is [var rows, var columns]
                ? Tensor(parameter.Name, [columns, rows], Turn(values, (int)rows, (int)columns))
                : Tensor(parameter.Name, parameter.Shape, values));
        }

        SafetensorsFile.Write(Path.Combine(folder, "adapter_model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, "adapter_config.json"), JsonSerializer.SerializeToUtf8Bytes(Configuration(state, modelPath), s_json));
    }

    private static object Configuration(AdapterState state, string? modelPath)
    {
        var settings = state.Settings;
        var saved = state.Saved.Select(name => name.LastIndexOf('.') is > 0 and var dot ? name[..dot] : name).Distinct().ToList();
        return new
        {
            PeftType = "LORA",
            settings.TaskType,
            BaseModelNameOrPath = modelPath,
            InferenceMode = true,
            settings.R,
            settings.LoraAlpha,
            settings.LoraDropout,
            settings.UseRslora,
            TargetModules = state.Adapters.Select(adapter => adapter.Module),
            ModulesToSave = saved.Count > 0 ? saved : null,
            Bias = SettingDescription.EnumNames(typeof(LoraBias)).First(name => name.Value.Equals(settings.Bias)).Name,
            FanInFanOut = false,
            InitLoraWeights = true,
            RankPattern = state.Adapters.Where(adapter => adapter.Rank != settings.R).ToDictionary(adapter => adapter.Module, adapter => adapter.Rank),
            AlphaPattern = state.Adapters.Where(adapter => adapter.Alpha != settings.LoraAlpha).ToDictionary(adapter => adapter.Module, adapter => adapter.Alpha),
        };
    }

    private static SafetensorsTensor Tensor(string name, long[] shape, float[] values) =>
        new(Prefix + name, TensorElementType.Float, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static float[] Turn(float[] values, int rows, int columns)
    {
        var turned = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            turned[((i % columns) * rows) + (i / columns)] = values[i];
        }

        return turned;
    }
}
