using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Protocol;
using OrtZero.Training;

namespace OrtZero.Coordinator.Tests;

public class CoordinatorClientTests
{
    [Fact]
    public async Task Run_is_seen_whole_from_its_registration_to_its_end()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = new CoordinatorClient(host.Address, Runs.Hasty());
        var result = await client.RegisterAsync(Runs.Describe());
        Assert.Equal(RegistrationOutcome.Accepted, result.Outcome);
        Assert.Equal(StepDirective.Run, client.Report(Runs.Record(10, 0.75)));
        client.Validated(new ValidationRecord { Iteration = 10, Epoch = 1, Loss = 0.5, Metric = "accuracy", Value = 0.9, Samples = 100 });
        client.Report(Runs.Record(20, double.NaN));
        client.Finished(Runs.Summary());

        using var connection = new CoordinatorConnection(host.Address);
        var status = await connection.GetStatusAsync(-1);
        Assert.Equal(RunState.Completed, status.State);
        Assert.Equal("runs/one", status.Description.WorkDir);
        Assert.Equal([10, 20], status.History.Select(metrics => metrics.Iteration));
        Assert.Equal(0.75, status.History[0].Loss);
        Assert.Equal(double.NaN, status.LastMetrics.Loss);
        Assert.Equal(0.001, status.LastMetrics.Groups.Single().LearningRate);
        Assert.Equal(0.9, status.LastValidation.Value);
    }

    [Fact]
    public async Task Rank_with_another_configuration_is_refused_with_a_sentence()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var first = new CoordinatorClient(host.Address, Runs.Hasty());
        await using var second = new CoordinatorClient(host.Address, Runs.Hasty());
        Assert.False((await first.RegisterAsync(Runs.Describe(0, 2, "aaaa"))).IsRefused);
        var result = await second.RegisterAsync(Runs.Describe(1, 2, "bbbb"));
        Assert.True(result.IsRefused);
        Assert.StartsWith("Rank 1 (host host1, process 101) disagrees in the configuration hash: it has bbbb and rank 0", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Absent_coordinator_is_one_warning_and_no_hindrance()
    {
        var logger = new ListLogger();
        await using var client = new CoordinatorClient(Nowhere(), Runs.Hasty(), logger);
        var result = await client.RegisterAsync(Runs.Describe());
        Assert.Equal(RegistrationOutcome.Unreachable, result.Outcome);
        Assert.Contains("cannot be reached", result.Message, StringComparison.Ordinal);
        for (var i = 1; i <= 50; i++)
        {
            Assert.Equal(StepDirective.Run, client.Report(Runs.Record(i)));
            await Task.Delay(4);
        }

        client.Finished(Runs.Summary());
        await client.DisposeAsync();
        Assert.Contains("Training goes on without it", Assert.Single(logger.Of(LogLevel.Warning)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Death_and_return_of_the_coordinator_lose_no_later_report()
    {
        var logger = new ListLogger();
        var host = await CoordinatorHost.StartAsync();
        var port = int.Parse(host.Address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        await using var client = new CoordinatorClient(host.Address, Runs.Hasty(), logger);
        await client.RegisterAsync(Runs.Describe());
        client.Report(Runs.Record(1));
        await Runs.WaitForAsync(host.Address, status => status.LastMetrics?.Iteration == 1);

        await host.DisposeAsync();
        for (var i = 2; i <= 200; i++)
        {
            client.Report(Runs.Record(i));
        }

        await WaitAsync(() => logger.Of(LogLevel.Warning).Any());
        await using var successor = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = port });
        var after = await Runs.WaitForAsync(successor.Address, status => status.LastMetrics?.Iteration == 200);
        Assert.Equal(Enumerable.Range(2, 199).Select(i => (long)i), after.History.Select(metrics => metrics.Iteration));
        Assert.Single(logger.Of(LogLevel.Warning));
        await WaitAsync(() => logger.Of(LogLevel.Information).Any(text => text.Contains("is back", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Too_many_reports_drop_the_oldest()
    {
        var address = Nowhere();
        var options = Runs.Hasty();
        options.QueueCapacity = 10;
        await using var client = new CoordinatorClient(address, options);
        await client.RegisterAsync(Runs.Describe());
        for (var i = 1; i <= 25; i++)
        {
            client.Report(Runs.Record(i));
        }

        var port = int.Parse(address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = port });
        var status = await Runs.WaitForAsync(address, status => status.LastMetrics?.Iteration == 25);
        Assert.Equal(Enumerable.Range(16, 10).Select(i => (long)i), status.History.Select(metrics => metrics.Iteration));
    }

    [Theory]
    [InlineData(StepDirective.Checkpoint)]
    [InlineData(StepDirective.Stop)]
    public async Task Directive_reaches_the_loop_once(StepDirective asked)
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = new CoordinatorClient(host.Address, Runs.Hasty());
        await client.RegisterAsync(Runs.Describe());
        using var connection = new CoordinatorConnection(host.Address);
        await connection.RequestAsync(asked, "me");

        var taken = new List<StepDirective>();
        for (var i = 1; taken.Count == 0; i++)
        {
            Take(client.Report(Runs.Record(i)));
            await Task.Delay(1);
        }

        // The coordinator repeats it until the acknowledgement arrives; the loop must not hear of that.
        await Runs.WaitForAsync(host.Address, status => status.PendingDirectives.Count == 0);
        Take(client.TakeDirective());
        Take(client.Report(Runs.Record(1000)));
        Assert.Equal([asked], taken);

        void Take(StepDirective directive)
        {
            if (directive != StepDirective.Run)
            {
                taken.Add(directive);
            }
        }
    }

    [Fact]
    public async Task Directives_after_a_restart_of_the_coordinator_are_new()
    {
        var host = await CoordinatorHost.StartAsync();
        var port = int.Parse(host.Address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        await using var client = new CoordinatorClient(host.Address, Runs.Hasty());
        await client.RegisterAsync(Runs.Describe());
        await AskAndTakeAsync(host.Address);
        await host.DisposeAsync();
        await using var successor = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = port });
        await Runs.WaitForAsync(successor.Address, status => status.State == RunState.Running);
        await AskAndTakeAsync(successor.Address);

        async Task AskAndTakeAsync(string address)
        {
            using var connection = new CoordinatorConnection(address);
            Assert.Equal(1, await connection.RequestAsync(StepDirective.Checkpoint));
            await WaitAsync(() => client.TakeDirective() == StepDirective.Checkpoint);
        }
    }

    [Fact]
    public async Task Failure_of_a_rank_is_told()
    {
        await using var host = await CoordinatorHost.StartAsync();
        await using var client = new CoordinatorClient(host.Address, Runs.Hasty());
        await client.RegisterAsync(Runs.Describe());
        client.Finished(Runs.Summary(RunOutcome.Failed, "the loss is not finite"));
        using var connection = new CoordinatorConnection(host.Address);
        var status = await connection.GetStatusAsync();
        Assert.Equal(RunState.Failed, status.State);
        Assert.Equal("the loss is not finite", status.Ranks.Single().Error);
    }

    [Fact]
    public async Task Client_that_was_never_used_ends_quietly()
    {
        await using var client = new CoordinatorClient(Nowhere());
        client.Report(Runs.Record(1));
        client.Finished(Runs.Summary());
        Assert.False(client.Registration.IsCompleted);
    }

    /// <summary>An address nobody listens on: a port that was free a moment ago.</summary>
    private static string Nowhere()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
    }

    private static async Task WaitAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
