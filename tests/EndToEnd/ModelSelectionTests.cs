using OrtZero.Autograd;
using OrtZero.Onnx;

namespace OrtZero.EndToEnd;

/// <summary>What validations decide, and the average they may be of, on ranks and across a stop.</summary>
public sealed class ModelSelectionTests
{
    [Fact]
    public void The_average_is_what_is_measured_exported_and_resumed_at_any_number_of_ranks()
    {
        using var alone = AverageJob(1, 0).With("checkpoint.interval", "40");
        ProgramRun.Train(1, alone.Configuration);
        using var sharded = AverageJob(4, 3);
        ProgramRun.Train(4, sharded.Configuration);
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(sharded.TrainedModel));

        using var resumed = AverageJob(2, 2).With("checkpoint.interval", "20");
        ProgramRun.Train(2, resumed.Configuration, "--max-iters", "20");
        ProgramRun.Train(1, resumed.Configuration, "--resume", "auto", "--set", "optim_wrapper.accumulative_counts=4", "--set", "zero_optimization.stage=1");
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(resumed.TrainedModel));

        var (exported, official) = (alone.PathOf("exported.onnx"), alone.PathOf("official"));
        var checkpoint = alone.Summary.GetProperty("checkpoint_path").GetString()!;
        ProgramRun.Train(1, "export", checkpoint, "--onnx", exported, "--official", official);
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(exported));
        var averages = Job.ReadParameters(exported);
        Assert.All(OfficialCheckpoint.Load(official).Trainable, tensor => Assert.Equal(averages[tensor.Name], tensor.ToSingles()));
        ProgramRun.Train(1, "export", checkpoint, "--onnx", exported, "--official", official, "--no-average");
        var weights = Job.ReadParameters(exported);
        Assert.All(OfficialCheckpoint.Load(official).Trainable, tensor => Assert.Equal(weights[tensor.Name], tensor.ToSingles()));
        Assert.NotEqual(averages["projector.0.weight"], weights["projector.0.weight"]);
        using var plain = AverageJob(1, 0).With("ema", "null");
        ProgramRun.Train(1, plain.Configuration);
        Assert.NotEqual(plain.Validations[^1].GetProperty("loss").GetDouble(), alone.Validations[^1].GetProperty("loss").GetDouble());
    }

    [Fact]
    public void Training_ends_early_and_goes_back_to_the_best_checkpoint()
    {
        // A rate far too high after the first epochs, so that the loss gets worse.
        using var job = Job.Vlm().WithValidation()
            .With("train_cfg", """{ "max_iters": 40, "val_interval": 4 }""")
            .With("micro_batch_size", "4")
            .With("param_scheduler", """[{ "type": "ConstantLR", "by_epoch": false, "factor": 0.001, "end": 9 }]""")
            .With("optim_wrapper.optimizer.lr", "1.0")
            .With("zero_optimization.stage", "2")
            .With("checkpoint.interval", "3")
            .With("early_stopping", """{ "patience": 2, "restore_best": true }""");
        ProgramRun.Train(2, job.Configuration);

        Assert.True(job.Summary.GetProperty("stopped_early").GetBoolean());
        var best = job.Validations.MinBy(line => line.GetProperty("loss").GetDouble());
        var step = best.GetProperty("iter").GetInt64();
        Assert.Equal(step, job.Summary.GetProperty("best").GetProperty("iter").GetInt64());
        Assert.Equal(best.GetProperty("loss").GetDouble(), job.Summary.GetProperty("validation").GetProperty("loss").GetDouble());
        Assert.Equal(step + 8, job.Summary.GetProperty("iter").GetInt64());
        var exported = job.PathOf("best.onnx");
        ProgramRun.Train(1, "export", job.PathOf($"work/checkpoints/best/step-{step:D8}"), "--onnx", exported);
        Assert.Equal(File.ReadAllBytes(exported), File.ReadAllBytes(job.TrainedModel));
        Assert.Equal([job.PathOf($"work/checkpoints/best/step-{step:D8}")], Directory.GetDirectories(job.PathOf("work/checkpoints/best")));

        // Another run in the same folder loses nothing of it.
        var again = ProgramRun.Train(2, job.Configuration, "--max-iters", "4");
        Assert.Contains("best-before-1 now, because this run keeps its own there.", again.Transcript, StringComparison.Ordinal);
        Assert.True(File.Exists(job.PathOf($"work/checkpoints/best-before-1/step-{step:D8}/manifest.json")));
        Assert.Equal([job.PathOf("work/checkpoints/best/step-00000004")], Directory.GetDirectories(job.PathOf("work/checkpoints/best")));

        // One that goes on elsewhere begins its own.
        var elsewhere = job.PathOf("elsewhere");
        var moved = ProgramRun.Train(
            2, job.Configuration, "--resume", job.PathOf("work/checkpoints/step-00000004"), "--work-dir", elsewhere, "--max-iters", "8");
        Assert.Contains("is not there, so a later one takes its place", moved.Transcript, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(elsewhere, "checkpoints/best/step-00000008")], Directory.GetDirectories(Path.Combine(elsewhere, "checkpoints/best")));
        Assert.True(File.Exists(Path.Combine(elsewhere, "model.onnx")));
    }

    [Fact]
    public void A_stop_at_a_validation_loses_nothing_of_what_follows_the_metrics()
    {
        // Every iteration is one to validate after, wherever the signal comes; a loss never improves by so much.
        using var job = Job.Vlm().WithValidation()
            .With("train_cfg", """{ "max_epochs": 1000, "val_interval": 1 }""")
            .With("micro_batch_size", "160")
            .With("evaluation.max_samples", "8")
            .With("checkpoint.save_best", "\"loss\"")
            .With("param_scheduler", """[{ "type": "ReduceOnPlateauLR", "patience": 2, "threshold": 1000, "threshold_rule": "abs", "factor": 0.5, "begin": 0, "end": 1000 }]""");
        using (var run = ProgramRun.RankWorker(1, [job.Configuration]))
        {
            run.WaitUntil(started => started.Output.Contains("iter 4/", StringComparison.Ordinal), "the fourth iteration");
            run.Signal("TERM");
            run.Expect(ProgramRun.Stopped);
        }

        var end = $"{job.Summary.GetProperty("iter").GetInt64() + 5}";
        ProgramRun.Train(1, job.Configuration, "--resume", "auto", "--max-iters", end);
        var undisturbed = job.PathOf("undisturbed");
        ProgramRun.Train(1, job.Configuration, "--work-dir", undisturbed, "--max-iters", end);
        Assert.Equal(File.ReadAllBytes(Path.Combine(undisturbed, "model.onnx")), File.ReadAllBytes(job.TrainedModel));
        Assert.Equal(
            Job.ReadLines(Path.Combine(undisturbed, "validation.jsonl")).Select(line => line.GetRawText()), job.Validations.Select(line => line.GetRawText()));
    }

    private static Job AverageJob(int ranks, int stage) => Job.Vlm().WithValidation()
        .With("micro_batch_size", "2")
        .With("optim_wrapper.accumulative_counts", $"{4 / ranks}")
        .With("evaluation.max_samples", "16")
        .With("ema", """{ "decay": 0.9 }""")
        .With("randomness.deterministic", "true")
        .With("zero_optimization.stage", $"{stage}")
        .With("zero_optimization.stage3_param_persistence_threshold", "1000");
}
