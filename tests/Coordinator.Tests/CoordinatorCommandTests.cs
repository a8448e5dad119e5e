using System.Text.Json;
using OrtZero.Coordinator.Internal;
using OrtZero.Training;

namespace OrtZero.Coordinator.Tests;

public class CoordinatorCommandTests
{
    [Fact]
    public async Task Status_prints_the_run_as_lines()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = await StartAsync(host);
        var (code, output, error) = await RunAsync("status", "--address", host.Address);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("run run-1: running, 1 of 1 ranks, iteration 50/200 (25 %), since", output, StringComparison.Ordinal);
        Assert.Contains("loss 0.5, grad_norm 1.25, lr base 0.001, samples/s 1000", output, StringComparison.Ordinal);
        Assert.Contains("rank 0: running, host0, process 100, iteration 50/200 (25 %), 256 MiB, seen 0 s ago", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_as_json_has_the_fields_of_the_protocol()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = await StartAsync(host, double.NaN);
        var (code, output, _) = await RunAsync("status", "--address", host.Address, "--json", "--history", "-1");
        Assert.Equal(0, code);
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        Assert.Equal("running", root.GetProperty("state").GetString());
        Assert.Equal(200, root.GetProperty("description").GetProperty("total_iterations").GetInt64());
        Assert.Equal("NaN", root.GetProperty("last_metrics").GetProperty("loss").GetString());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("last_metrics").GetProperty("loss_scale").ValueKind);
        Assert.Equal(1.25, root.GetProperty("history")[0].GetProperty("grad_norm").GetDouble());
        Assert.Equal("running", root.GetProperty("ranks")[0].GetProperty("state").GetString());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("last_validation").ValueKind);
    }

    [Fact]
    public async Task Watch_ends_with_the_run()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = await StartAsync(host);
        var watching = RunAsync("status", "--address", host.Address, "--watch", "--json");
        client.Finished(Runs.Summary());
        var (code, output, _) = await watching;
        Assert.Equal(0, code);
        Assert.Contains("\"state\":\"completed\"", output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_of_a_run_that_fails_says_so_in_its_exit_code()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = await StartAsync(host);
        client.Finished(Runs.Summary(RunOutcome.Failed, "out of memory"));
        var (code, output, _) = await RunAsync("status", "--address", host.Address, "--watch");
        Assert.Equal(1, code);
        Assert.Contains("ago: out of memory", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stop", StepDirective.Stop)]
    [InlineData("checkpoint", StepDirective.Checkpoint)]
    public async Task Steering_reaches_the_run(string command, StepDirective expected)
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = await StartAsync(host);
        var (code, output, _) = await RunAsync(command, "--address", host.Address);
        Assert.Equal(0, code);
        Assert.Contains("(request 1)", output, StringComparison.Ordinal);
        StepDirective directive;
        while ((directive = client.TakeDirective()) == StepDirective.Run)
        {
            await Task.Delay(5);
        }

        Assert.Equal(expected, directive);
    }

    [Fact]
    public async Task Steering_without_a_run_fails_with_a_sentence()
    {
        await using var host = await CoordinatorHost.StartAsync();
        var (code, _, error) = await RunAsync("stop", "--address", host.Address);
        Assert.Equal(1, code);
        Assert.Equal("coordinator: No run is going on here, so nobody would hear of the directive.", error.TrimEnd());
    }

    [Fact]
    public async Task Coordinator_that_is_not_there_is_a_failure_with_a_sentence()
    {
        var host = await CoordinatorHost.StartAsync();
        await host.DisposeAsync();
        var (code, _, error) = await RunAsync("status", "--address", host.Address);
        Assert.Equal(1, code);
        Assert.Equal($"coordinator: {host.Address} cannot be reached: Connection refused.", error.TrimEnd());
    }

    [Theory]
    [InlineData("status")]
    [InlineData("status", "--address", "nonsense")]
    [InlineData("status", "--address", "host:99999")]
    [InlineData("status", "--address", "::1:80")]
    [InlineData("status", "--address", "127.0.0.1:1", "--xml")]
    [InlineData("explode")]
    public async Task Bad_usage_is_one_line_and_code_2(params string[] args)
    {
        var (code, output, error) = await RunAsync(args);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("coordinator: ", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Serve_runs_until_it_is_interrupted()
    {
        using var interrupt = new CancellationTokenSource();
        var output = new LineWriter();
        var serving = CoordinatorCommand.RunAsync(["serve", "--address", "127.0.0.1:0"], output, TextWriter.Null, interrupt.Token);
        var line = await output.FirstLine.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.StartsWith("The coordinator listens on 127.0.0.1:", line, StringComparison.Ordinal);
        var address = line.Split(' ')[^1].TrimEnd('.');
        Assert.Equal((0, "no run yet\n", ""), await RunAsync("status", "--address", address));
        await interrupt.CancelAsync();
        Assert.Equal(0, await serving);
    }

    private static async Task<CoordinatorClient> StartAsync(CoordinatorHost host, double loss = 0.5)
    {
        var client = new CoordinatorClient(host.Address, Runs.Hasty());
        await client.RegisterAsync(Runs.Describe());
        client.Report(Runs.Record(50, loss));
        await Runs.WaitForAsync(host.Address, status => status.LastMetrics is not null);
        return client;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var code = await CoordinatorCommand.RunAsync(args, output, error);
        return (code, output.ToString(), error.ToString());
    }

    private sealed class LineWriter : StringWriter
    {
        private readonly TaskCompletionSource<string> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> FirstLine => _first.Task;

        public override Task WriteLineAsync(string? value)
        {
            _first.TrySetResult(value ?? "");
            return Task.CompletedTask;
        }
    }
}
