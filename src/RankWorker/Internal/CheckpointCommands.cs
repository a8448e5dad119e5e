using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrtZero.Sharding;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker inspect CHECKPOINT</c> and <c>rankworker export CHECKPOINT</c>.</summary>
internal static class CheckpointCommands
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static Command Inspect()
    {
        var path = PathArgument();
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var command = new Command("inspect", "Prints a checkpoint's step, groups and shards, and compares every checksum.") { path, json };
        command.SetAction(result => Failures.Guard(verbose: false, () => Inspect(result.GetRequiredValue(path), result.GetValue(json))));
        return command;
    }

    internal static Command Export()
    {
        var path = PathArgument();
        var onnx = new Option<string?>("--onnx") { Description = "Writes the model with the checkpoint's parameters to this file." };
        var safetensors = new Option<string?>("--safetensors") { Description = "Writes the parameters to this safetensors file." };
        var model = new Option<string?>("--model") { Description = "The model that was trained, where it is not where it was." };
        var official = new Option<string?>("--official") { Description = "Writes an official ONNX Runtime training checkpoint to this file." };
        var artifacts = new Option<string?>("--artifacts") { Description = "With --official: the folder of the artifacts that were trained, for their frozen parameters." };
        var adapter = new Option<string?>("--adapter") { Description = "Writes the adapters of model.lora to this folder as PEFT does: adapter_model.safetensors and adapter_config.json." };
        var trained = new Option<bool>("--no-average") { Description = "Writes the weights that training goes on with where there is a moving average of them (ema)." };
        var command = new Command("export", "Writes the parameters of a checkpoint to other formats.") { path, onnx, safetensors, official, adapter, model, artifacts, trained };
        command.SetAction(result => Failures.Guard(verbose: false, () => Export(result.GetRequiredValue(path), new ExportTargets(
            result.GetValue(onnx), result.GetValue(safetensors), result.GetValue(official), result.GetValue(adapter), result.GetValue(model),
            result.GetValue(artifacts), !result.GetValue(trained)))));
        return command;
    }

    private static Argument<string> PathArgument() => new("CHECKPOINT") { Description = "The folder of a checkpoint: work/checkpoints/step-00000200." };

    private static int Inspect(string path, bool json)
    {
        using var reader = CheckpointReader.Open(path);
        reader.Verify();
        var manifest = reader.Manifest;
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(manifest, s_json));
            return ExitCodes.Done;
        }

        var elements = manifest.Parameters.Sum(parameter => parameter.Shape.Aggregate(1L, (product, length) => product * length));
        Line($"{reader.Path}");
        Line($"step {manifest.Step}, {manifest.Updates} updates, written by {manifest.WorldSize} ranks at ZeRO stage {manifest.Stage}");
        Line($"{manifest.Parameters.Count} parameters with {elements:N0} elements");
        foreach (var group in manifest.Groups)
        {
            var members = manifest.Parameters.Count(parameter => parameter.Group == group.Name);
            Line($"group {group.Name}: {members} parameters, lr {group.LearningRate:0.###e+0}, weight_decay {group.WeightDecay}");
        }

        foreach (var shard in manifest.Shards)
        {
            Line($"shard {shard.File}: rank {shard.Rank}, {shard.Bytes:N0} bytes, CRC-32C {shard.Checksum} (compared: equal)");
        }

        return ExitCodes.Done;
    }

    private static int Export(string path, ExportTargets targets)
    {
        var (onnx, safetensors, official, adapter, model, artifacts, average) = targets;
        if (onnx is null && safetensors is null && official is null && adapter is null)
        {
            throw new ConfigurationException(["export writes nothing without --onnx FILE, --safetensors FILE, --official FILE or --adapter FOLDER: add one of them."]);
        }

        using var reader = CheckpointReader.Open(path);
        reader.Verify();
        if (safetensors is not null)
        {
            CheckpointExport.WriteSafetensors(reader, model, safetensors, average);
            Line($"wrote {safetensors}");
        }

        if (official is not null)
        {
            OfficialExport.Write(reader, artifacts, official, average);
            Line($"wrote {official}");
        }

        if (onnx is not null)
        {
            CheckpointExport.WriteModel(reader, model, onnx, average);
            Line($"wrote {onnx}");
        }

        if (adapter is not null)
        {
            CheckpointExport.WriteAdapter(reader, adapter, average);
            Line($"wrote {adapter}");
        }

        return ExitCodes.Done;
    }

    /// <summary>What is written, and from what.</summary>
    private sealed record ExportTargets(
        string? Onnx, string? Safetensors, string? Official, string? Adapter, string? Model, string? Artifacts, bool Average);

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
