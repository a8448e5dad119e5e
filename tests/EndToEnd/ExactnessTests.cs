using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>
/// With randomness.deterministic the trained model is the same file for any number of ranks, stage, thread count and bucket size,
/// straight through or killed and resumed on another number of ranks. A few cells of the matrix always; all of them, with a table,
/// by scripts/exactness.
/// </summary>
public sealed class ExactnessTests(ITestOutputHelper output)
{
    /// <summary>Names the file the table is written to, and asks for every cell.</summary>
    private const string AllCells = "ORTZERO_EXACTNESS";

    private const int Updates = 20;
    private const int MicroBatchesPerUpdate = 8;
    private const int SmallBucket = 1;
    private const int LargeBucket = 5_000_000;
    private static readonly int[] s_stages = [0, 1, 2, 3];

    private sealed record Cell(int Ranks, int Stage, int Threads, int Bucket, int? ResumedOn = null);

    [Theory]
    [InlineData("vlm")]
    [InlineData("gpt_nano")]
    public void Every_cell_of_the_matrix_has_the_same_bits(string model)
    {
        var table = Environment.GetEnvironmentVariable(AllCells);
        Cell[] cells = table is null ? Few(model) : [.. Straight(), .. Resumed()];
        var reference = Train(model, new Cell(1, 0, 1, LargeBucket));

        var equal = cells.Select(cell => (Cell: cell, IsEqual: Train(model, cell) == reference)).ToList();

        var text = Table(model, reference, equal);
        output.WriteLine(text);
        if (table is not null)
        {
            File.AppendAllText(table, text);
        }

        Assert.All(equal, cell => Assert.True(cell.IsEqual, $"{model}, {cell.Cell} is different."));
    }

    [Fact]
    public void Without_it_the_number_of_ranks_shows_in_the_last_bits()
    {
        // What makes the test above mean something.
        var cells = new[] { new Cell(1, 0, 1, LargeBucket), new Cell(2, 0, 1, LargeBucket) };
        Assert.NotEqual(Train("vlm", cells[0], deterministic: false), Train("vlm", cells[1], deterministic: false));
    }

    [Fact]
    public void Three_ranks_are_refused_with_the_fix()
    {
        using var job = Job.Vlm().With("randomness.deterministic", "true");
        using var run = ProgramRun.RankWorker(3, [job.Configuration]);

        Assert.NotEqual(0, run.Wait());
        Assert.Contains("randomness.deterministic needs a number of ranks that is a power of two, but 3 are running: start 2", run.Error, StringComparison.Ordinal);
    }

    private static Cell[] Few(string model) => model == "vlm"
        ? [new(1, 2, 2, SmallBucket), new(2, 1, 2, LargeBucket), .. s_stages.Select(stage => new Cell(4, stage, 1, SmallBucket)), new(2, 2, 1, LargeBucket, ResumedOn: 4)]
        : [new(1, 1, 2, LargeBucket), new(2, s_stages[^1], 1, SmallBucket)];

    private static IEnumerable<Cell> Straight() =>
        from stage in s_stages
        from threads in (int[])[1, 2]
        from bucket in (int[])[SmallBucket, LargeBucket]
        from ranks in (int[])[1, 2, 4, 8]
        select new Cell(ranks, stage, threads, bucket);

    private static IEnumerable<Cell> Resumed() =>
        from stage in s_stages
        from ranks in (int[])[1, 2, 4, 8]
        select new Cell(ranks, stage, 1, SmallBucket, ResumedOn: ranks == 8 ? 1 : 2 * ranks);

    private static string Train(string model, Cell cell, bool deterministic = true)
    {
        using var job = (model == "vlm" ? Job.Vlm() : Job.GptNano())
            .With("micro_batch_size", "1")
            .With("randomness.deterministic", deterministic ? "true" : "false")
            .With("zero_optimization.stage", $"{cell.Stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "1000")
            .With("zero_optimization.reduce_bucket_size", $"{cell.Bucket}")
            .With("execution.intra_op_threads", $"{cell.Threads}")
            .With("log.interval", "8");
        if (cell.ResumedOn is { } others)
        {
            KillHalfWay(job, cell.Ranks);
            job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / others}");
            ProgramRun.Train(others, job.Configuration, "--resume", "auto");
        }
        else
        {
            job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / cell.Ranks}");
            ProgramRun.Train(cell.Ranks, job.Configuration);
        }

        return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
    }

    // Also when it was done before the signal came, what follows starts from the checkpoint.
    private static void KillHalfWay(Job job, int ranks)
    {
        var half = Updates / 2 * MicroBatchesPerUpdate / ranks;
        job.With("optim_wrapper.accumulative_counts", $"{MicroBatchesPerUpdate / ranks}").With("checkpoint.interval", $"{half}").With("checkpoint.max_keep", "2");
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration]);
        var checkpoint = Path.Combine(job.WorkDir, "checkpoints", $"step-{half:D8}");
        run.WaitUntil(_ => Directory.Exists(checkpoint), "the first checkpoint");
        foreach (var process in run.Processes())
        {
            try
            {
                run.Signal("KILL", process);
            }
            catch (Xunit.Sdk.XunitException)
            {
                // It ended by itself, or with the rank before it.
            }
        }

        run.ExpectNothingLeft(TimeSpan.FromSeconds(30));
        File.Delete(job.TrainedModel);
    }

    private static string Table(string model, string reference, IReadOnlyList<(Cell Cell, bool IsEqual)> cells)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{model}: {Updates} updates of {MicroBatchesPerUpdate} micro-batches, SHA-256 of the trained model {reference[..16]}…");
        text.AppendLine("stage  threads  bucket  then            ranks: 1      2      4      8");
        foreach (var row in cells.GroupBy(cell => (cell.Cell.Stage, cell.Cell.Threads, cell.Cell.Bucket, Resumed: cell.Cell.ResumedOn is not null)))
        {
            var bucket = row.Key.Bucket == SmallBucket ? "small" : "large";
            text.Append(CultureInfo.InvariantCulture, $"{row.Key.Stage,5}  {row.Key.Threads,7}  {bucket,6}  {(row.Key.Resumed ? "killed, resumed" : "straight"),-15}");
            foreach (var ranks in (int[])[1, 2, 4, 8])
            {
                var cell = row.Where(cell => cell.Cell.Ranks == ranks).ToList();
                text.Append(CultureInfo.InvariantCulture, $"{(cell.Count == 0 ? "-" : cell[0].IsEqual ? "equal" : "OTHER"),7}");
            }

            text.AppendLine();
        }

        return text.ToString();
    }
}
