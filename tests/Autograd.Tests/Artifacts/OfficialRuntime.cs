using System.Diagnostics;
using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>ONNX Runtime's own training, run by node. It needs what <c>npm ci --ignore-scripts</c> installs.</summary>
internal static class OfficialRuntime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>
    /// For each of several artifacts the losses of one update per batch with the official default rate of 0.001. Loading the runtime
    /// takes longer than most models, so several share a process.
    /// </summary>
    public static async Task<double[][]> TrainAsync(params IReadOnlyList<OfficialJob> jobs)
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var file = Path.Combine(folder, "jobs.json");
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(jobs.Select(Json)));
            var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true };
            start.ArgumentList.Add(Path.Combine(RepositoryPaths.Root, "tests", "Autograd.Tests", "interop", "official-train.mjs"));
            start.ArgumentList.Add(file);
            using var process = Process.Start(start)!;
            using var limit = new CancellationTokenSource(Limit);
            try
            {
                var error = process.StandardError.ReadToEndAsync(limit.Token);
                var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
                await process.WaitForExitAsync(limit.Token);
                Assert.True(process.ExitCode == 0, $"The official runtime says (npm ci --ignore-scripts installs it): {await error}");
                return [.. JsonDocument.Parse(output).RootElement.EnumerateArray().Zip(jobs, (result, job) =>
                    result.TryGetProperty("losses", out var losses)
                        ? losses.EnumerateArray().Select(loss => loss.GetDouble()).ToArray()
                        : throw new InvalidOperationException($"The official runtime does not train {job.Training}: {result.GetProperty("error")}"))];
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static object Json(OfficialJob job)
    {
        // It takes what it is fed in the order of the model's inputs, whatever the names say.
        var inputs = OnnxModel.Load(job.Training).Graph.Input.Select(input => input.Name).ToList();
        return new
        {
            training = job.Training,
            evaluation = job.Evaluation,
            optimizer = job.Optimizer,
            checkpoint = job.Checkpoint,
            steps = job.Batches.Select(batch => batch.Where(pair => inputs.Contains(pair.Key)).OrderBy(pair => inputs.IndexOf(pair.Key))
                .ToDictionary(pair => pair.Key, pair => Json(pair.Value), StringComparer.Ordinal)),
        };
    }

    private static Dictionary<string, object> Json(TensorProto tensor)
    {
        var (type, data) = tensor.ElementType() switch
        {
            TensorElementType.Float => ("float32", (object)tensor.ToSingles()),
            TensorElementType.Int32 => ("int32", tensor.ToInt64s()),
            _ => ("int64", tensor.ToInt64s()),
        };
        return new Dictionary<string, object> { ["type"] = type, ["dims"] = tensor.Shape(), ["data"] = data };
    }
}
