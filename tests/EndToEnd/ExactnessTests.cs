using OrtZero.EndToEnd.Drills;

namespace OrtZero.EndToEnd;

/// <summary>
/// With randomness.deterministic the trained model is the same file for any number of ranks, stage, thread count and bucket size,
/// with and without recompute, straight through or killed and resumed on another number of ranks. A few cells of the matrix; all of them by scripts/exactness.
/// </summary>
public sealed class ExactnessTests
{
    [Theory]
    [InlineData("vlm")]
    [InlineData("gpt_nano")]
    public void Every_cell_of_the_matrix_has_the_same_bits(string model)
    {
        ExactnessCell[] cells = model == "vlm"
            ?
            [
                new(model, 2, 1, 2, true), new(model, 1, 2, 2, false), new(model, 0, 4, 1, true), new(model, 1, 4, 1, true), new(model, 2, 4, 1, true),
                new(model, 3, 4, 1, true), new(model, 2, 2, 1, false, ResumedOn: 4), new(model, 3, 2, 1, true, Recompute: true), new(model, 0, 1, 1, false, Recompute: true),
            ]
            : [new(model, 1, 1, 2, false), new(model, 3, 2, 1, true), new(model, 0, 1, 1, false, Recompute: true)];
        var reference = new ExactnessCell(model, 0, 1, 1, false).Train();

        Assert.All(cells, cell => Assert.True(cell.Train() == reference, $"{cell} is different."));
    }

    [Fact]
    public void Without_it_the_number_of_ranks_shows_in_the_last_bits()
    {
        // What makes the test above mean something.
        Assert.NotEqual(
            new ExactnessCell("vlm", 0, 1, 1, false).Train(deterministic: false), new ExactnessCell("vlm", 0, 2, 1, false).Train(deterministic: false));
    }

    [Fact]
    public void Three_ranks_are_refused_with_the_fix()
    {
        using var job = Job.Vlm().With("randomness.deterministic", "true");
        using var run = ProgramRun.RankWorker(3, [job.Configuration]);

        Assert.NotEqual(0, run.Wait());
        Assert.Contains("randomness.deterministic needs a number of ranks that is a power of two, but 3 are running: start 2", run.Error, StringComparison.Ordinal);
    }
}
