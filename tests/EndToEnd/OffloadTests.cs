using System.Diagnostics;
using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>zero_optimization.offload_optimizer and offload_param with "nvme": the same training, with its state in files.</summary>
public sealed class OffloadTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Files_change_no_bit_straight_through_or_killed_and_resumed(int stage, bool parameters)
    {
        using var inMemory = NewJob(stage).With("checkpoint", """{ "interval": 4, "max_keep": 1 }""");
        using var inFiles = Offloaded(NewJob(stage), parameters).With("checkpoint", """{ "interval": 4, "max_keep": 1 }""");
        ProgramRun.Train(2, inMemory.Configuration);
        var expected = File.ReadAllBytes(inMemory.TrainedModel);

        ProgramRun.Train(2, inFiles.Configuration);

        Assert.Equal(expected, File.ReadAllBytes(inFiles.TrainedModel));
        File.Delete(inFiles.TrainedModel);
        Directory.Delete(Path.Combine(inFiles.WorkDir, "checkpoints"), recursive: true);
        using (var run = ProgramRun.RankWorker(2, [inFiles.Configuration]))
        {
            run.WaitUntil(_ => Checkpoints(inFiles).Length > 0, "the first checkpoint");
            run.KillAll();
        }

        Assert.Empty(Directory.GetFiles(inFiles.PathOf("nvme")));
        using var resumed = ProgramRun.Train(2, inFiles.Configuration, "--resume", "auto", "--verbose");
        Assert.Contains("Resumed ", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(expected, File.ReadAllBytes(inFiles.TrainedModel));
        Assert.Empty(Directory.GetFiles(inFiles.PathOf("nvme")));
    }

    [Fact]
    public void A_disk_that_is_full_is_one_sentence_and_costs_nothing_that_was_saved()
    {
        using var job = Offloaded(NewJob(1), parameters: false).With("train_cfg", """{ "max_epochs": 1000 }""").With("checkpoint", """{ "interval": 4, "max_keep": 1 }""");
        using (var run = ProgramRun.RankWorker(2, [job.Configuration]))
        {
            run.WaitUntil(_ => Checkpoints(job).Length > 0, "the first checkpoint");
            var rank = run.Ranks()[^1];
            // From now on this process can write no byte beyond this, which is how a disk without space looks to it.
            using var limit = Process.Start("prlimit", ["--pid", $"{rank.ProcessId}", "--fsize=4096"]);
            limit.WaitForExit();
            run.Expect(1);
            var error = run.Error.Split('\n').Single(line => line.Contains("cannot be kept in", StringComparison.Ordinal) || line.Contains("was not written", StringComparison.Ordinal));
            Assert.Matches(@"(The optimizer state of rank 1 \(\d+ bytes\) cannot be kept in '.*nvme': .*; free space there, |Checkpoint '.*' was not written: .* Free space )", error);
        }

        Assert.Empty(Directory.GetFiles(job.PathOf("nvme")));
        var saved = Checkpoints(job).Length;
        Assert.True(saved > 0, "The checkpoint is gone.");
        using var resumed = ProgramRun.Train(2, job.Configuration, "--resume", "auto", "--verbose", "--max-iters", "1");
        Assert.Contains("Resumed ", resumed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_in_training_goes_down_by_the_state_that_is_in_a_file()
    {
        const int Width = 2_000_000;
        const long Parameters = (6 + 3) * Width;
        using var job = Job.Small().With("train_cfg", """{ "max_epochs": 100000 }""").With("log.interval", "10");
        SaveWideModel(job.PathOf("model.onnx"), Width);
        var inMemory = MemoryOf(job);
        var inFile = MemoryOf(job.With("zero_optimization.offload_optimizer", """{ "device": "nvme", "nvme_path": "nvme" }"""));

        var saved = (double)(inMemory - inFile) / (8 * Parameters);
        output.WriteLine(FormattableString.Invariant($"{inMemory >> 20} MiB in memory, {inFile >> 20} MiB with the state in a file: {saved:p0} of 8Ψ"));
        // Four buffers of a million parameters stay.
        Assert.True(saved > 0.9 * (1 - (4e6 / Parameters)), $"Only {saved:p0} of 8Ψ was saved.");

        // While it trains, as loading a model takes more for a moment.
        static long MemoryOf(Job job)
        {
            using var run = ProgramRun.RankWorker(1, [job.Configuration]);
            run.WaitUntil(_ => run.Output.Contains(" iter 10/", StringComparison.Ordinal), "iterations");
            var most = 0L;
            run.WaitUntil(_ => (most = Math.Max(most, run.ResidentBytes)) > 0 && run.Output.Contains(" iter 20/", StringComparison.Ordinal), "more of them");
            run.KillAll();
            return most;
        }
    }

    // Cheap to run for its size, and with no activations to speak of.
    private static void SaveWideModel(string path, int width)
    {
        var noise = new Random(3);
        var graph = new GraphProto { Name = "wide" };
        foreach (var (name, shape) in new (string, long[])[] { ("first", [6, width]), ("second", [width, 3]) })
        {
            var values = new float[shape[0] * shape[1]];
            foreach (ref var value in values.AsSpan())
            {
                value = (noise.NextSingle() - 0.5f) * 1e-3f;
            }

            graph.Initializer.Add(TensorFactory.Raw(name, TensorElementType.Float, shape, MemoryMarshal.AsBytes(values.AsSpan())));
        }

        graph.Node.Add(NodeFactory.Create("MatMul", ["x", "first"], ["hidden"], "hidden"));
        graph.Node.Add(NodeFactory.Create("MatMul", ["hidden", "second"], ["scores"], "scores"));
        graph.Input.Add(Describe("x", 4, 6));
        graph.Output.Add(Describe("scores", 4, 3));
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        new OnnxModel(model).Save(path);

        static ValueInfoProto Describe(string name, params long[] shape)
        {
            var type = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = new TensorShapeProto() };
            type.Shape.Dim.AddRange(shape.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
            return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = type } };
        }
    }

    private static Job NewJob(int stage) => Job.Vlm()
        .With("zero_optimization.stage", $"{stage}")
        .With("zero_optimization.stage3_param_persistence_threshold", "1000")
        .With("micro_batch_size", "4")
        .With("log.interval", "100");

    // So small that every file passes through its buffers many times an update.
    private static Job Offloaded(Job job, bool parameters)
    {
        job.With("zero_optimization.offload_optimizer", """{ "device": "nvme", "nvme_path": "nvme", "buffer_count": 3, "buffer_size": 5000, "pin_memory": true }""");
        return parameters ? job.With("zero_optimization.offload_param", """{ "device": "nvme", "nvme_path": "nvme" }""") : job;
    }

    private static string[] Checkpoints(Job job)
    {
        var folder = Path.Combine(job.WorkDir, "checkpoints");
        return Directory.Exists(folder) ? Directory.GetDirectories(folder, "step-*") : [];
    }
}
