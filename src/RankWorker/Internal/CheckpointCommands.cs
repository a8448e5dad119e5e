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
        var command = new Command("export", "Writes the parameters of a checkpoint to other formats.") { path, onnx, safetensors, official, model, artifacts };
        command.SetAction(result => Failures.Guard(verbose: false, () => Export(
            result.GetRequiredValue(path), result.GetValue(onnx), result.GetValue(safetensors), result.GetValue(model), result.GetValue(official), result.GetValue(artifacts))));
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

    private static int Export(string path, string? onnx, string? safetensors, string? model, string? official, string? artifacts)
    {
        if (onnx is null && safetensors is null && official is null)
        {
            throw new ConfigurationException(["export writes nothing without --onnx FILE, --safetensors FILE or --official FILE: add one of them."]);
        }

        using var reader = CheckpointReader.Open(path);
        reader.Verify();
        if (safetensors is not null)
        {
            reader.WriteSafetensors(safetensors);
            Line($"wrote {safetensors}");
        }

        if (official is not null)
        {
            OfficialExport.Write(reader, artifacts, official);
            Line($"wrote {official}");
        }

        if (onnx is not null)
        {
            CheckpointExport.WriteModel(reader, model, onnx);
            Line($"wrote {onnx}");
        }

        return ExitCodes.Done;
    }

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
