using System.Text.RegularExpressions;

namespace OrtZero.EndToEnd;

/// <summary>A rank that stands still in the middle of training.</summary>
public sealed partial class StallTests
{
    [Fact]
    public void Every_other_rank_ends_and_says_who_is_where()
    {
        using var job = Job.Vlm().With("zero_optimization", """{ "stage": 2, "collective_timeout_seconds": 8 }""")
            .With("train_cfg", """{ "max_epochs": 100000 }""").With("log.interval", "20");
        using var run = ProgramRun.RankWorker(3, [job.Configuration]);
        run.WaitUntil(_ => run.Output.Contains(" iter ", StringComparison.Ordinal), "iterations");

        run.Signal("STOP", run.Ranks()[2].ProcessId);

        run.Expect(1);
        Assert.Matches(@"Rank [01] of 3 waited 8 s in .+ #\d+ \(\d+ bytes\), and rank 2 has not come to it: it is stuck or far behind", run.Error);
        // One of them says it for all.
        var report = Assert.Single(run.Error.Split("The last operations of each rank:\n")[1..]);
        var ranks = Rank().Split(report)[1..];
        Assert.Equal(3, ranks.Length);
        Assert.All(ranks, operations => Assert.InRange(Operation().Count(operations), 1, 10));
        Assert.Equal(10, ranks.Max(operations => Operation().Count(operations)));
        Assert.Contains(", waiting", ranks[0] + ranks[1], StringComparison.Ordinal);
        // The launcher ends the one that cannot end itself.
        run.ExpectNothingLeft(TimeSpan.FromSeconds(30));
    }

    [GeneratedRegex(@"^  rank \d, process \d+.*:$", RegexOptions.Multiline)]
    private static partial Regex Rank();

    [GeneratedRegex(@"^    #\d+ .* B.*, began [\d.]+ s ago", RegexOptions.Multiline)]
    private static partial Regex Operation();
}
