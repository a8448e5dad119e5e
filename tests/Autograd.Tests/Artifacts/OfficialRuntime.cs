using System.Diagnostics;
using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>ONNX Runtime's own training, run by node. It needs what <c>npm ci --ignore-scripts</c> installs.</summary>
internal static class OfficialRuntime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>The losses of one update per batch with the official default rate of 0.001.</summary>
    public static async Task<double[]> TrainAsync(
        string training, string evaluation, string optimizer, string checkpoint, IEnumerable<Dictionary<string, TensorProto>> batches)
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var job = Path.Combine(folder, "job.json");
            var steps = batches.Select(batch => batch.ToDictionary(pair => pair.Key, pair => Json(pair.Value), StringComparer.Ordinal));
            await File.WriteAllTextAsync(job, JsonSerializer.Serialize(new { training, evaluation, optimizer, checkpoint, steps }));
            var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true };
            start.ArgumentList.Add(Path.Combine(RepositoryPaths.Root, "tests", "Autograd.Tests", "interop", "official-train.mjs"));
            start.ArgumentList.Add(job);
            using var process = Process.Start(start)!;
            using var limit = new CancellationTokenSource(Limit);
            try
            {
                var error = process.StandardError.ReadToEndAsync(limit.Token);
                var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
                await process.WaitForExitAsync(limit.Token);
                Assert.True(process.ExitCode == 0, $"The official runtime says (npm ci --ignore-scripts installs it): {await error}");
                return JsonSerializer.Deserialize<double[]>(output)!;
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
