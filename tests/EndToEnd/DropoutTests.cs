using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.EndToEnd;

/// <summary>Dropout whose masks depend on the seed and the place in the data alone.</summary>
public sealed class DropoutTests
{
    [Fact]
    public void Masks_are_the_same_on_any_ranks_with_recomputation_and_after_a_resumption()
    {
        var expected = Train(1, stage: 0);
        Assert.Equal(expected, Train(2, stage: 3));
        Assert.Equal(expected, Train(1, stage: 0, ("graph.recompute", """{ "memory_budget": "1KiB" }""")));
        Assert.Equal(expected, Train(1, stage: 0, ("model.dropout", "true")));
        Assert.NotEqual(expected, Train(1, stage: 0, ("randomness.seed", "1")));
        Assert.NotEqual(expected, Train(1, stage: 0, ("model.dropout", "0.2")));

        using var job = NewJob(1, stage: 0).With("checkpoint", """{ "interval": 20 }""");
        ProgramRun.Train(1, job.Configuration, "--max-iters", "20");
        job.With("optim_wrapper.accumulative_counts", "2").With("zero_optimization.stage", "2").With("checkpoint", "{}");
        ProgramRun.Train(2, job.Configuration, "--resume", "auto");
        Assert.Equal(expected, File.ReadAllBytes(job.TrainedModel));
    }

    [Fact]
    public void Switched_off_it_is_as_if_the_model_had_none_and_the_trained_model_never_drops()
    {
        using var job = NewJob(1, stage: 0).With("model.dropout", "false");
        ProgramRun.Train(1, job.Configuration);
        using var without = NewJob(1, stage: 0, dropout: false);
        ProgramRun.Train(1, without.Configuration);

        Assert.Equal(without.TrainedParameters().OrderBy(pair => pair.Key), job.TrainedParameters().OrderBy(pair => pair.Key));
        Assert.Equal(2, Assert.Single(OnnxModel.Load(job.TrainedModel).Graph.Node, node => node.OpType == "Dropout").Input.Count);
    }

    [Fact]
    public void A_model_without_dropout_says_what_to_do()
    {
        using var job = NewJob(1, stage: 0, dropout: false).With("model.dropout", "0.1");
        using var run = ProgramRun.RankWorker(1, [job.Configuration]);

        Assert.NotEqual(0, run.Wait());
        Assert.Contains("has no Dropout node: export it in training mode, which keeps them, or leave the key out.", run.Error, StringComparison.Ordinal);
    }

    private static byte[] Train(int ranks, int stage, params (string Key, string Json)[] settings)
    {
        using var job = NewJob(ranks, stage);
        foreach (var (key, json) in settings)
        {
            job.With(key, json);
        }

        ProgramRun.Train(ranks, job.Configuration);
        var dropout = Assert.Single(OnnxModel.Load(job.TrainedModel).Graph.Node, node => node.OpType == "Dropout");
        Assert.Equal(2, dropout.Input.Count);
        return File.ReadAllBytes(job.TrainedModel);
    }

    /// <summary>Ten updates of four micro-batches of one sample.</summary>
    internal static Job NewJob(int ranks, int stage, bool dropout = true)
    {
        var job = Job.Small()
            .With("micro_batch_size", "1")
            .With("train_cfg", """{ "max_epochs": 3 }""")
            .With("optim_wrapper.accumulative_counts", $"{4 / ranks}")
            .With("randomness", """{ "seed": 0, "deterministic": true }""")
            .With("zero_optimization", $$"""{ "stage": {{stage}}, "stage3_param_persistence_threshold": 0 }""")
            .With("coordinator.address", "\"none\"");
        var graph = new GraphProto
        {
            Name = "main",
            Input = { ValueInfos.Create("x", TensorElementType.Float, "batch", 6) },
            Output = { ValueInfos.Create("scores", TensorElementType.Float, "batch", 3) },
            Initializer =
            {
                TensorFactory.FromSingles("first", [6, 40], [.. Enumerable.Range(0, 240).Select(i => (float)Math.Sin(i))]),
                TensorFactory.FromSingles("second", [40, 3], [.. Enumerable.Range(0, 120).Select(i => (float)Math.Cos(i) / 6)]),
                TensorFactory.Scalar("half", 0.5f),
                TensorFactory.Raw("yes", TensorElementType.Bool, [], [1]),
            },
            Node =
            {
                NodeFactory.Create("MatMul", ["x", "first"], ["a"], "into"), NodeFactory.Create("Tanh", ["a"], ["b"], "bend"),
                dropout ? NodeFactory.Create("Dropout", ["b", "half", "yes"], ["c"], "drop") : NodeFactory.Create("Identity", ["b"], ["c"], "drop"),
                NodeFactory.Create("MatMul", ["c", "second"], ["scores"], "out"),
            },
        };
        var model = new ModelProto { IrVersion = 8, ProducerName = "test", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        File.WriteAllBytes(job.PathOf("model.onnx"), model.ToByteArray());
        return job;
    }
}
