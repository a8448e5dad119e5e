namespace OrtZero.Training.Tests;

public sealed class AccuracyMeterTests
{
    // Two samples of two labels over three classes; the best classes are 2, 0 and 1, 1.
    private static readonly float[] s_scores = [0, 1, 2, 5, 1, 1, 0, 3, 3, -2, -1, -3];

    [Fact]
    public void Labels_are_counted_one_by_one()
    {
        var meter = new AccuracyMeter(EvaluationMetric.TokenAccuracy, -100);
        meter.Add(s_scores, [2, 1, 1, -100], samples: 2, counted: 2);

        Assert.Equal((2, 3), (meter.Correct, meter.Total));
    }

    [Fact]
    public void A_sequence_is_right_when_all_its_labels_are_and_not_counted_without_any()
    {
        var meter = new AccuracyMeter(EvaluationMetric.SequenceAccuracy, -100);
        meter.Add(s_scores, [2, 1, 1, -100], samples: 2, counted: 2);
        meter.Add(s_scores, [2, 0, -100, -100], samples: 2, counted: 2);

        Assert.Equal((2, 3), (meter.Correct, meter.Total));
    }

    [Fact]
    public void Samples_that_only_fill_up_are_left_out()
    {
        var meter = new AccuracyMeter(EvaluationMetric.TokenAccuracy, -100);
        meter.Add(s_scores, [2, 0, 1, 1], samples: 2, counted: 1);
        meter.Add(s_scores, [2, 0, 1, 1], samples: 2, counted: 0);

        Assert.Equal((2, 2), (meter.Correct, meter.Total));
    }

    [Fact]
    public void Scores_that_are_not_numbers_are_never_right()
    {
        var meter = new AccuracyMeter(EvaluationMetric.TokenAccuracy, -100);
        meter.Add([float.NaN, 0, 0], [0], samples: 1, counted: 1);

        Assert.Equal((0, 1), (meter.Correct, meter.Total));
    }

    [Fact]
    public void Lengths_that_do_not_belong_together_are_refused()
    {
        var meter = new AccuracyMeter(EvaluationMetric.TokenAccuracy, -100);

        Assert.Throws<ArgumentException>(() => meter.Add([1, 2, 3], [0, 1], samples: 2, counted: 2));
    }
}
