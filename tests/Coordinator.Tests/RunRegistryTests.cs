using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Coordinator.Internal;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Tests;

public class RunRegistryTests
{
    private readonly ManualClock _clock = new();
    private readonly RunRegistry _registry;

    public RunRegistryTests() => _registry = new RunRegistry(_clock, TimeSpan.FromSeconds(10), 3, NullLogger.Instance);

    [Fact]
    public void Run_waits_for_all_ranks_then_runs_then_completes()
    {
        Assert.Equal(RunState.NoRun, State());
        var session = _registry.Register(Runs.Request(0)).SessionId;
        Assert.Equal(RunState.Waiting, State());
        Assert.Equal(2, _registry.Register(Runs.Request(1)).RegisteredRanks);
        Assert.Equal(RunState.Running, State());
        Finish(session, 0, RankOutcome.Completed);
        Assert.Equal(RunState.Running, State());
        Finish(session, 1, RankOutcome.Completed);
        var status = _registry.GetStatus(0);
        Assert.Equal(RunState.Completed, status.State);
        Assert.Equal(_clock.GetUtcNow().ToUnixTimeMilliseconds(), status.EndedUnixMs);
        Assert.Equal([0, 1], status.Ranks.Select(rank => rank.Rank));
    }

    [Theory]
    [InlineData(RankOutcome.Stopped, RunState.Stopped)]
    [InlineData(RankOutcome.Failed, RunState.Failed)]
    public void Outcome_of_one_rank_is_that_of_the_run(RankOutcome outcome, RunState expected)
    {
        var session = _registry.Register(Runs.Request(0)).SessionId;
        _registry.Register(Runs.Request(1));
        Finish(session, 0, RankOutcome.Completed);
        Finish(session, 1, outcome, "out of memory");
        Assert.Equal(expected, State());
        Assert.Equal("out of memory", _registry.GetStatus(0).Ranks[1].Error);
    }

    [Fact]
    public void Other_configuration_is_refused_naming_rank_and_hash()
    {
        _registry.Register(Runs.Request(0, configuration: "aaaaaaaaaaaaaaaa"));
        var error = Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(1, configuration: "bbbbbbbbbbbbbbbb")));
        Assert.Equal(RpcStatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal(
            "Rank 1 (host host1, process 101) disagrees in the configuration hash: it has bbbbbbbbbbbb and rank 0 (host host0, process 100) has aaaaaaaaaaaa; "
            + "start every rank with the same configuration file and --set values.", error.Status.Detail);
        Assert.Single(_registry.GetStatus(0).Ranks);
    }

    [Fact]
    public void Other_model_is_refused_naming_rank_and_hash()
    {
        _registry.Register(Runs.Request(1));
        var error = Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(0, model: "dead")));
        Assert.StartsWith("Rank 0 (host host0, process 100) disagrees in the model hash: it has dead and rank 1", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_world_size_is_refused()
    {
        _registry.Register(Runs.Request(0));
        var error = Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(1, worldSize: 4)));
        Assert.Equal(RpcStatusCode.FailedPrecondition, error.StatusCode);
        Assert.Contains("it counts 4 ranks and rank 0 (host host0, process 100) counts 2", error.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 2)]
    [InlineData(2, 2)]
    [InlineData(0, 0)]
    public void Rank_outside_the_world_makes_no_sense(int rank, int worldSize) =>
        Assert.Equal(RpcStatusCode.InvalidArgument, Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(rank, worldSize))).StatusCode);

    [Fact]
    public void Registering_again_keeps_what_was_reported()
    {
        var first = _registry.Register(Runs.Request(0));
        Report(first.SessionId, 0, 1, 2);
        var second = _registry.Register(Runs.Request(0));
        Assert.Equal(first.SessionId, second.SessionId);
        Assert.Equal(2, second.LastReportSequence);
        Assert.Equal(2, _registry.GetStatus(-1).History.Count);
    }

    [Fact]
    public void Second_run_waits_until_the_first_is_over()
    {
        var first = _registry.Register(Runs.Request(0, worldSize: 1));
        Assert.Equal(RpcStatusCode.Aborted, Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(0, runId: "run-2"))).StatusCode);
        Assert.Equal(RpcStatusCode.Aborted, Assert.Throws<RpcException>(() => _registry.Register(Runs.Request(0, worldSize: 1, process: 999))).StatusCode);
        Finish(first.SessionId, 0, RankOutcome.Completed);
        Assert.NotEqual(first.SessionId, _registry.Register(Runs.Request(0, runId: "run-2")).SessionId);
        Assert.Equal("run-2", _registry.GetStatus(0).RunId);
    }

    [Fact]
    public void Crashed_run_makes_room_for_its_successor_with_another_configuration()
    {
        _registry.Register(Runs.Request(0));
        _clock.Advance(TimeSpan.FromSeconds(11));
        _registry.Register(Runs.Request(0, configuration: "new", process: 7));
        Assert.Equal("new", _registry.GetStatus(0).ConfigurationHash);
    }

    [Fact]
    public void Silent_rank_is_lost_and_comes_back_with_its_next_report()
    {
        var session = _registry.Register(Runs.Request(0)).SessionId;
        _registry.Register(Runs.Request(1));
        _clock.Advance(TimeSpan.FromSeconds(9));
        Report(session, 0);
        _clock.Advance(TimeSpan.FromSeconds(2));
        var status = _registry.GetStatus(0);
        Assert.Equal(RunState.Lost, status.State);
        Assert.Equal([RankState.Running, RankState.Lost], status.Ranks.Select(rank => rank.State));
        Report(session, 1);
        Assert.Equal(RunState.Running, State());
    }

    [Fact]
    public void Report_sent_twice_counts_once_and_the_history_is_bounded()
    {
        var session = _registry.Register(Runs.Request(0)).SessionId;
        Report(session, 0, 1, 2);
        Report(session, 0, 1, 2, 3);
        Assert.Equal([1, 2, 3], History());
        Report(session, 0, 4);
        Assert.Equal([2, 3, 4], History());
        Assert.Equal([3, 4], _registry.GetStatus(2).History.Select(metrics => metrics.Iteration));
        Assert.Equal(4, _registry.GetStatus(0).LastMetrics.Iteration);
    }

    [Fact]
    public void History_is_that_of_the_lowest_rank()
    {
        var session = _registry.Register(Runs.Request(0)).SessionId;
        _registry.Register(Runs.Request(1));
        Report(session, 1, 7);
        Report(session, 0, 8);
        Report(session, 1, 9);
        Assert.Equal([8], History());
        Assert.Equal(9, _registry.GetStatus(0).Ranks[1].LastMetrics.Iteration);
    }

    [Fact]
    public void Unknown_session_has_to_register()
    {
        _registry.Register(Runs.Request(0));
        var error = Assert.Throws<RpcException>(() => _registry.Report(new ReportRequest { SessionId = "other", Rank = 0 }));
        Assert.Equal(RpcStatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public void Directive_is_repeated_to_rank_0_until_it_is_acknowledged()
    {
        var session = _registry.Register(Runs.Request(0)).SessionId;
        _registry.Register(Runs.Request(1));
        Assert.Equal(1, Ask(DirectiveKind.Checkpoint));
        Assert.Equal(1, Ask(DirectiveKind.Checkpoint));
        Assert.Equal(2, Ask(DirectiveKind.Stop));
        Assert.Equal([1, 2], Directives(0, 0));
        Assert.Equal([1, 2], Directives(0, 0));
        Assert.Empty(Directives(1, 0));
        Assert.Equal([2], Directives(0, 1));
        Assert.Equal([DirectiveKind.Stop], _registry.GetStatus(0).PendingDirectives.Select(directive => directive.Kind));
        Assert.Empty(Directives(0, 2));
        Assert.Empty(_registry.GetStatus(0).PendingDirectives);
        Assert.Equal(3, Ask(DirectiveKind.Stop));

        IEnumerable<long> Directives(int rank, long acknowledged) => _registry
            .Report(new ReportRequest { SessionId = session, Rank = rank, AcknowledgedDirective = acknowledged }).Directives.Select(directive => directive.Sequence);
        long Ask(DirectiveKind kind) => _registry.Request(new DirectiveRequest { Kind = kind }).Sequence;
    }

    [Fact]
    public void Directive_needs_a_run_and_a_sense()
    {
        Assert.Equal(RpcStatusCode.FailedPrecondition, Code(DirectiveKind.Stop));
        var session = _registry.Register(Runs.Request(0, worldSize: 1)).SessionId;
        Assert.Equal(RpcStatusCode.InvalidArgument, Code(DirectiveKind.Run));
        Finish(session, 0, RankOutcome.Completed);
        Assert.Equal(RpcStatusCode.FailedPrecondition, Code(DirectiveKind.Stop));

        RpcStatusCode Code(DirectiveKind kind) =>
            Assert.Throws<RpcException>(() => _registry.Request(new DirectiveRequest { Kind = kind })).StatusCode;
    }

    private RunState State() => _registry.GetStatus(0).State;

    private IEnumerable<long> History() => _registry.GetStatus(-1).History.Select(metrics => metrics.Iteration);

    private void Finish(string session, int rank, RankOutcome outcome, string error = "") =>
        _registry.Finish(new FinishRequest { SessionId = session, Rank = rank, Outcome = outcome, Error = error });

    private void Report(string session, int rank, params int[] sequences)
    {
        var request = new ReportRequest { SessionId = session, Rank = rank };
        request.Metrics.Add(sequences.Select(sequence => new Metrics { Sequence = sequence, Iteration = sequence }));
        _registry.Report(request);
    }
}
