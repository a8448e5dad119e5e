using OrtZero.Onnx;

namespace OrtZero.EndToEnd;

/// <summary>Every mistake ends in one sentence on standard error that names the thing and the fix, and in the exit code that belongs to it.</summary>
public sealed class BadInputTests
{
    private const int Failed = 1;
    private const int BadInput = 2;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_truncated_model_is_named(int ranks)
    {
        using var job = Job.Vlm();
        var bytes = File.ReadAllBytes(job.PathOf("model.onnx"));
        File.WriteAllBytes(job.PathOf("model.onnx"), bytes[..(bytes.Length / 2)]);
        ExpectError(ranks, BadInput, [job.Configuration], job.PathOf("model.onnx"), "not a complete ONNX model", "export or copy it again");
    }

    [Fact]
    public void An_unknown_operator_is_named_with_its_node()
    {
        using var job = Job.Vlm();
        var model = OnnxModel.Load(job.PathOf("model.onnx"));
        var node = model.Graph.Node.First(node => node.OpType == "Softmax");
        node.OpType = "Frobnicate";
        model.Save(job.PathOf("model.onnx"));
        ExpectError(1, BadInput, [job.Configuration], job.PathOf("model.onnx"), node.Name, "Frobnicate", "export the model with operators of the ONNX standard");
    }

    [Fact]
    public void A_missing_model_is_named()
    {
        using var job = Job.Vlm().With("model.path", "\"absent.onnx\"");
        ExpectError(1, BadInput, [job.Configuration], "model.path", job.PathOf("absent.onnx"), "does not exist", "correct the path");
    }

    [Fact]
    public void A_missing_data_file_is_named()
    {
        using var job = Job.Vlm().With("data.train.fields.image", "\"absent.npy\"");
        ExpectError(1, BadInput, [job.Configuration], "data.train.fields.image", job.PathOf("absent.npy"), "does not exist", "correct the path");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_label_out_of_range_is_named_with_its_sample(int ranks)
    {
        using var job = Job.Vlm();
        var labels = NpyArray.Load(job.PathOf("labels.npy"));
        var values = labels.Integers;
        values[(100 * 16) + 15] = 32;
        NpyWriter.Write(job.PathOf("labels.npy"), values, labels.Shape);
        ExpectError(ranks, BadInput, [job.Configuration], job.PathOf("labels.npy"), "sample 100", "label 32", "32 classes (0 to 31)", "correct the label");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_value_that_is_not_a_number_is_named_with_its_sample(int ranks)
    {
        using var job = Job.Vlm();
        var images = NpyArray.Load(job.PathOf("image.npy"));
        var values = images.Singles;
        values[(100 * 28 * 28) + (3 * 28) + 5] = float.NaN;
        NpyWriter.Write(job.PathOf("image.npy"), values, images.Shape);
        ExpectError(ranks, BadInput, [job.Configuration], job.PathOf("image.npy"), "[100, 0, 3, 5]", "sample 100", "NaN", "correct the data");
    }

    [Fact]
    public void Data_of_the_wrong_shape_is_named_with_both_shapes()
    {
        using var job = Job.Vlm();
        NpyWriter.Write(job.PathOf("image.npy"), NpyArray.Load(job.PathOf("image.npy")).Singles, 160, 1, 14, 56);
        ExpectError(1, BadInput, [job.Configuration], job.PathOf("image.npy"), "[8, 1, 14, 56]", "\"image\" is [8, 1, 28, 28]", "reshape the array");
    }

    [Fact]
    public void Fields_of_different_lengths_are_named()
    {
        using var job = Job.Vlm();
        NpyWriter.Write(job.PathOf("image.npy"), new float[100 * 28 * 28], 100, 1, 28, 28);
        ExpectError(1, BadInput, [job.Configuration], job.PathOf("image.npy"), "100 samples", "160", "every field must have the same number");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_unknown_key_is_named_with_the_nearest_one(int ranks)
    {
        using var job = Job.Vlm().With("optim_wrapper.optimzer", "{}");
        ExpectError(ranks, BadInput, [job.Configuration], job.Configuration, "optim_wrapper.optimzer", "did you mean \"optimizer\"");
    }

    [Fact]
    public void A_missing_configuration_is_named() =>
        ExpectError(1, BadInput, ["absent.json"], "absent.json", "does not exist", "correct the path");

    [Fact]
    public void Two_ranks_with_different_configurations_are_refused()
    {
        using var job = Job.Vlm();
        var other = job.PathOf("other.json");
        File.Copy(job.Configuration, other);
        job.With("optim_wrapper.optimizer.lr", "2e-3");
        string[] arguments = ["-n", "1", Published.RankWorker, job.Configuration, ":", "-n", "1", Published.RankWorker, other];
        using var run = ProgramRun.Start("mpiexec.mpich", arguments);
        ExpectError(run, BadInput, "configurations of rank 1 and rank 0 differ", "start every rank with the same");
    }

    [Fact]
    public void Two_ranks_with_different_models_are_refused()
    {
        using var job = Job.Vlm();
        using var other = Job.Vlm("vlm_default_export.onnx");
        string[] arguments = ["-n", "1", Published.RankWorker, job.Configuration, ":", "-n", "1", Published.RankWorker, other.Configuration];
        using var run = ProgramRun.Start("mpiexec.mpich", arguments);
        ExpectError(run, BadInput, "model files of rank 1 and rank 0 differ", "copy one model.onnx to every machine");
    }

    [Fact]
    public void An_MPI_library_that_does_not_belong_to_the_launcher_is_named()
    {
        using var job = Job.Vlm();
        using var run = ProgramRun.RankWorker(2, [job.Configuration], new Dictionary<string, string?> { ["ORTZERO_MPI_LIBRARY"] = "libmpi.so.40" });
        ExpectError(run, Failed, "libmpi.so.40", "does not belong to the launcher", "mpiexec.openmpi", "ORTZERO_MPI_LIBRARY=libmpich.so.12");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_missing_ONNX_Runtime_is_named_with_how_to_get_it(int ranks)
    {
        using var job = Job.Vlm();
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration], new Dictionary<string, string?> { ["ORTZERO_ORT_LIBRARY"] = "/nonexistent" });
        ExpectError(run, Failed, "ORTZERO_ORT_LIBRARY", "/nonexistent", "npm ci --ignore-scripts");
    }

    [Theory]
    [InlineData(1, "cfg.json")]
    [InlineData(2, "cfg.json")]
    [InlineData(1, "cfg.json/work")]
    [InlineData(2, "cfg.json/work")]
    public void A_work_folder_that_cannot_be_written_is_named(int ranks, string workDir)
    {
        using var job = Job.Vlm();
        ExpectError(ranks, BadInput, [job.Configuration, "--work-dir", job.PathOf(workDir)], "work_dir", job.PathOf(workDir));
    }

    [Fact]
    public void A_checkpoint_that_is_not_there_is_named()
    {
        using var job = Job.Vlm();
        ExpectError(1, BadInput, [job.Configuration, "--resume", job.PathOf("absent")], job.PathOf("absent"), "not the folder of a checkpoint", "correct the path");
    }

    [Theory]
    [InlineData("No arguments", "'rankworker'", new string[0])]
    [InlineData("No configuration", "'groups'", new[] { "groups" })]
    [InlineData("No output", "'--out' is required", new[] { "gradients", "cfg.json" })]
    [InlineData("Unknown option", "'--frobnicate'", new[] { "cfg.json", "--frobnicate" })]
    [InlineData("Unknown command", "'frobnicate' is neither a configuration file that exists nor one of the commands groups", new[] { "frobnicate", "cfg.json" })]
    [InlineData("Not a number", "--max-iters is 'abc', but must be a whole number of at least 1", new[] { "cfg.json", "--max-iters", "abc" })]
    [InlineData("Too small a number", "--max-iters is '0', but must be a whole number of at least 1", new[] { "cfg.json", "--max-iters", "0" })]
    public void A_wrong_command_line_is_explained(string what, string part, string[] arguments)
    {
        Assert.NotEmpty(what);
        ExpectError(1, BadInput, arguments, part, "See rankworker --help.");
    }

    [Fact]
    public void A_change_without_a_value_is_explained()
    {
        using var job = Job.Vlm();
        ExpectError(1, BadInput, [job.Configuration, "--set", "log"], "--set log", "path.to.key=value");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_place_for_gradients_that_is_not_there_is_named(int ranks)
    {
        using var job = Job.Vlm();
        ExpectError(ranks, BadInput, ["gradients", job.Configuration, "--out", job.PathOf("absent/g.safetensors")], "--out", job.PathOf("absent"), "make it");
    }

    [Fact]
    public void Verbose_adds_the_stack()
    {
        using var job = Job.Vlm().With("model.path", "\"absent.onnx\"");
        using var run = ProgramRun.RankWorker(1, [job.Configuration, "--verbose"]);
        Assert.Contains("   at OrtZero.", run.Expect(BadInput).Error, StringComparison.Ordinal);
    }

    private static void ExpectError(int ranks, int exitCode, IEnumerable<string> arguments, params string[] parts)
    {
        using var run = ProgramRun.RankWorker(ranks, arguments);
        ExpectError(run, exitCode, parts);
    }

    private static void ExpectError(ProgramRun run, int exitCode, params string[] parts)
    {
        run.Expect(exitCode);
        // MPICH announces that a rank has called MPI_Abort; that is its own line.
        var lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("Abort(", StringComparison.Ordinal)).ToList();
        Assert.True(lines is [_] && lines[0].StartsWith("error", StringComparison.Ordinal), $"Not one line with the error: {run.Transcript}");
        Assert.All(parts, part => Assert.Contains(part, lines[0], StringComparison.Ordinal));
        run.ExpectNothingLeft(TimeSpan.FromSeconds(10));
    }
}
