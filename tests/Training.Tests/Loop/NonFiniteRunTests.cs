namespace OrtZero.Training.Tests;

/// <summary>Losses and gradients that are not finite, and who is named for them.</summary>
public sealed class NonFiniteRunTests
{
    [Fact]
    public void An_overflow_in_the_forward_pass_is_traced_to_its_operator()
    {
        // Row 5, in the third micro-batch, reaches 10 * 30 = 300.
        using var run = Exponential();
        run.Train(debug: true);

        var warning = Assert.Single(run.Warnings, line => line.StartsWith("The loss of", StringComparison.Ordinal));
        Assert.Equal(
            "The loss of iteration 3 is Infinity. The first node that makes it so is 'exp' (Exp) in the forward pass: its output 'power' [2, 2] holds 1 infinite of 4, the first at [1, 1], the rest from 1.105 to 1.105. "
            + "Its inputs: 'scaled' [2, 2] from 0.1 to 300. Hint: e^300 is more than float32 holds (e^88.7); subtract the maximum first, as a softmax does, clip the input, or lower the lr of what computes it.",
            warning);
        Assert.DoesNotContain(run.Warnings, line => line.Contains("run again with --debug", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_debug_the_loss_says_how_to_find_out()
    {
        using var run = Exponential();
        run.Train();

        Assert.Contains("The loss of iteration 3 is Infinity: run again with --debug, in one process, to see which operator it comes from.", run.Warnings);
    }

    [Fact]
    public void A_slope_that_is_infinite_is_traced_to_the_backward_pass_of_its_operator()
    {
        var x = Enumerable.Repeat(1f, 32).ToArray();
        x[9] = 0;
        using var run = new TinyRun(x).Parameter("weight", [2], 1, 1).With("optim_wrapper.optimizer.lr", "1e-6")
            .Node("Mul", "scale", "scaled", "x", "weight").Node("Sqrt", "root", "rooted", "scaled").MeanOf("rooted");
        run.Train(debug: true);

        var warning = Assert.Single(run.Warnings, line => line.StartsWith("The gradient of iteration", StringComparison.Ordinal) && line.Contains("first node", StringComparison.Ordinal));
        Assert.StartsWith("The gradient of iteration 3 is not finite, though its loss is. The first node that makes it so is 'root_grad/", warning, StringComparison.Ordinal);
        Assert.Contains(" in the backward pass of 'root' (Sqrt): its output ", warning, StringComparison.Ordinal);
        Assert.Contains(" [2, 2] holds 1 infinite of 4, the first at [0, 1], ", warning, StringComparison.Ordinal);
        Assert.EndsWith("Hint: the slope of the root at 0 is infinite; add a small constant under the root.", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void The_micro_batch_of_an_accumulation_that_is_to_blame_is_found()
    {
        var x = Enumerable.Repeat(1f, 32).ToArray();
        x[9] = 0;
        using var run = new TinyRun(x).Parameter("weight", [2], 1, 1).With("optim_wrapper.accumulative_counts", "4").With("optim_wrapper.clip_grad", """{ "max_norm": 1, "error_if_nonfinite": true }""")
            .Node("Mul", "scale", "scaled", "x", "weight").Node("Sqrt", "root", "rooted", "scaled").MeanOf("rooted");

        var exception = Assert.Throws<TrainingException>(() => run.Train(debug: true));
        Assert.Contains("The gradient of iteration 4 is not finite (1 in a row), in 1 of 1 parameters, such as weight of group 'default'", exception.Message, StringComparison.Ordinal);
        Assert.Contains(run.Warnings, line => line.StartsWith("The gradient of iteration 3 is not finite, though its loss is. The first node that makes it so is 'root_grad/", StringComparison.Ordinal));
    }

    [Fact]
    public void An_infinite_mask_that_ends_in_a_softmax_is_not_to_blame()
    {
        using var run = new TinyRun([.. Enumerable.Repeat(1f, 32)]).Parameter("weight", [2], 1, 1)
            .Node("Mul", "scale", "scaled", "x", "weight").With("model.frozen", """["mask"]""").Parameter("mask", [2], 0, float.NegativeInfinity)
            .Node("Add", "hide", "hidden", "scaled", "mask").Node("Softmax", "softmax", "shares", "hidden").Node("Log", "log", "logarithms", "shares").MeanOf("logarithms");
        run.Train(debug: true);

        var warning = run.Warnings.First(line => line.StartsWith("The loss of iteration 1", StringComparison.Ordinal));
        Assert.Contains("The first node that makes it so is 'log' (Log) in the forward pass", warning, StringComparison.Ordinal);
        Assert.Contains("Its inputs: 'shares' [2, 2] from 0 to 1. Hint: the logarithm of 0 is infinite", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_that_are_too_large_are_named_with_their_samples()
    {
        var x = Enumerable.Repeat(1f, 32).ToArray();
        x[6] = 1e30f;
        using var run = new TinyRun(x).Parameter("weight", [2], 1e10f, 1).Node("Mul", "scale", "scaled", "x", "weight").MeanOf("scaled");
        run.Train(debug: true);

        var warning = run.Warnings.First(line => line.StartsWith("The loss of iteration 2", StringComparison.Ordinal));
        Assert.Contains("'scale' (Mul) in the forward pass", warning, StringComparison.Ordinal);
        Assert.Contains("Its inputs: the input 'x' (samples 2, 3 of data.train.fields.x) [2, 2] from 1 to 1E+30; the parameter 'weight' [2] from ", warning, StringComparison.Ordinal);
        Assert.EndsWith("Hint: with inputs as large as 1E+30 the result is beyond float32 (3.4e38); lower the lr, clip gradients with optim_wrapper.clip_grad, or scale the data.", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_NaN_in_the_data_is_named_with_its_field_and_sample()
    {
        var x = Enumerable.Repeat(1f, 32).ToArray();
        x[11] = float.NaN;
        using var run = new TinyRun(x).Parameter("weight", [2], 1, 1).Node("Mul", "scale", "scaled", "x", "weight").MeanOf("scaled");

        var exception = Assert.Throws<DataException>(() => run.Train(debug: true));
        Assert.EndsWith("x.npy: element [5, 1] (sample 5 of data.train.fields.x) is NaN, which training cannot use; correct the data.", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_that_is_no_number_to_begin_with_is_named()
    {
        using var run = new TinyRun([.. Enumerable.Repeat(1f, 32)]).Parameter("weight", [2], 1, float.NaN).Node("Mul", "scale", "scaled", "x", "weight").MeanOf("scaled");
        run.Train(debug: true);

        Assert.Contains("The loss of iteration 1 is NaN. The parameter 'weight' is not finite itself: [2] holds 1 NaN of 2, the first at [1], the rest from 1 to 1.", run.Warnings);
    }

    private static TinyRun Exponential()
    {
        var x = Enumerable.Repeat(0.01f, 32).ToArray();
        x[11] = 30;
        return new TinyRun(x).Parameter("weight", [2], 10, 10).With("optim_wrapper.optimizer.lr", "1e-6")
            .Node("Mul", "scale", "scaled", "x", "weight").Node("Exp", "exp", "power", "scaled").MeanOf("power");
    }
}
