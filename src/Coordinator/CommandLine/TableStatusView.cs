using System.Globalization;
using OrtZero.Coordinator.Protocol;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace OrtZero.Coordinator.Internal;

/// <summary>Tables, for terminals; drawn again in place while watching.</summary>
internal sealed class TableStatusView(IAnsiConsole console) : IStatusView
{
    public void Show(RunStatus status) => console.Write(Draw(status));

    public async Task<RunState> WatchAsync(IAsyncEnumerable<RunStatus> statuses)
    {
        var state = RunState.NoRun;
        await console.Live(new Text("")).StartAsync(async live =>
        {
            await foreach (var status in statuses.ConfigureAwait(false))
            {
                live.UpdateTarget(Draw(status));
                state = status.State;
                if (StatusText.HasEnded(status))
                {
                    break;
                }
            }
        }).ConfigureAwait(false);
        return state;
    }

    private static IRenderable Draw(RunStatus status)
    {
        if (status.State == RunState.NoRun)
        {
            return new Text(StatusText.State(status.State) + Environment.NewLine);
        }

        var duration = (status.EndedUnixMs == 0 ? status.NowUnixMs : status.EndedUnixMs) - status.StartedUnixMs;
        var facts = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        Fact(facts, "run", status.RunId);
        facts.AddRow(new Text("state"), new Markup($"[{Color(status.State)}]{StatusText.State(status.State)}[/] since {StatusText.Duration(duration)}"));
        Fact(facts, "iteration", StatusText.Iteration(status, status.LastMetrics));
        foreach (var (name, value) in status.LastMetrics is { } metrics ? StatusText.Measurements(metrics) : [])
        {
            Fact(facts, name, value);
        }

        if (status.LastValidation is { } validation)
        {
            Fact(facts, "validation", StatusText.Validation(validation));
        }

        Fact(facts, "configuration", StatusText.Hash(status.ConfigurationHash));
        Fact(facts, "model", StatusText.Hash(status.ModelHash));
        Fact(facts, "work dir", status.Description?.WorkDir ?? "");
        foreach (var directive in status.PendingDirectives)
        {
            Fact(facts, "pending", StatusText.Directive(directive));
        }

        var ranks = new Table().Border(TableBorder.Rounded).Title($"{status.Ranks.Count} of {status.WorldSize} ranks");
        ranks.AddColumns("rank", "state", "host", "process", "iteration", "peak memory", "seen", "");
        foreach (var rank in status.Ranks)
        {
            ranks.AddRow(
                new Text(rank.Rank.ToString(CultureInfo.InvariantCulture)),
                new Markup($"[{Color(rank.State)}]{StatusText.State(rank.State)}[/]"),
                new Text(rank.Host),
                new Text(rank.ProcessId.ToString(CultureInfo.InvariantCulture)),
                new Text(StatusText.Iteration(status, rank.LastMetrics)),
                new Text(StatusText.Memory(rank.LastMetrics)),
                new Text(StatusText.Ago(status, rank.LastSeenUnixMs)),
                new Text(rank.Error));
        }

        return new Rows(facts, ranks);
    }

    private static void Fact(Grid grid, string name, string value) => grid.AddRow(new Text(name), new Text(value));

    private static string Color(RunState state) => state switch
    {
        RunState.Failed or RunState.Lost => "red",
        RunState.Waiting or RunState.Stopped => "yellow",
        _ => "green",
    };

    private static string Color(RankState state) => state switch
    {
        RankState.Failed or RankState.Lost => "red",
        RankState.Stopped => "yellow",
        _ => "green",
    };
}
