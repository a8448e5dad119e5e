using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>A file of one JSON object per line that grows while a run goes on and can be read at any time.</summary>
internal sealed class JsonLinesFile : IDisposable
{
    private readonly FileStream _stream;

    /// <summary>Begins a file, or goes on with one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="resumedIteration">
    /// Null: begin anew. Else lines of later iterations, which the resumed run will write again, and a last line that a crash
    /// cut off, are dropped.
    /// </param>
    public JsonLinesFile(string path, long? resumedIteration)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (resumedIteration is { } last && File.Exists(path))
        {
            var kept = File.ReadLines(path).Where(line => Iteration(line) <= last).Select(line => line + "\n");
            AtomicFile.Write(path, System.Text.Encoding.UTF8.GetBytes(string.Concat(kept)));
        }

        _stream = new FileStream(path, resumedIteration is null ? FileMode.Create : FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    /// <summary>Adds a line in one write, so that readers see whole lines, and hands it to the system at once.</summary>
    public void Write<T>(T line)
    {
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes(line, MetricsJson.Line), (byte)'\n'];
        _stream.Write(bytes);
        _stream.Flush();
    }

    public void Dispose() => _stream.Dispose();

    /// <summary>The iteration of a line; greater than any for a line that is not whole.</summary>
    private static long Iteration(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("iter", out var iteration) && iteration.TryGetInt64(out var number)
                    ? number
                    : long.MaxValue;
        }
        catch (JsonException)
        {
            return long.MaxValue;
        }
    }
}
