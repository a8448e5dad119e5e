using System.Diagnostics;
using System.Text.Json;

namespace OrtZero.Coordinator.Tests;

/// <summary>Runs a script of the folder interop with node. It needs what <c>npm ci --ignore-scripts</c> installs.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _error;

    private NodeProcess(string script, params string[] args)
    {
        var start = new ProcessStartInfo("node")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(RepositoryPaths.Root, "tests", "Coordinator.Tests", "interop", script));
        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>Runs a script to its end and gives the JSON it prints.</summary>
    public static async Task<JsonElement> RunAsync(string script, params string[] args)
    {
        await using var node = new NodeProcess(script, args);
        return JsonDocument.Parse(await node.ReadLineAsync()).RootElement;
    }

    /// <summary>Starts a server and gives the address whose port it prints.</summary>
    public static async Task<(NodeProcess Process, string Address)> ServeAsync(string script)
    {
        var node = new NodeProcess(script);
        return (node, $"127.0.0.1:{await node.ReadLineAsync()}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task<string> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        return await _process.StandardOutput.ReadLineAsync(limit.Token)
            ?? throw new InvalidOperationException($"The script printed nothing (npm ci --ignore-scripts installs what it needs): {await _error}");
    }
}
