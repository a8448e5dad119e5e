namespace OrtZero.Runtime.Tests;

public sealed class ModelRunTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    private static readonly string Vlm = RepositoryPaths.Fixture("vlm", "vlm.onnx");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Vlm_gives_finite_logits_at_any_batch_size(int batch)
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(batch);

        using var logits = session.Run(inputs).Single();

        Assert.Equal([batch, 16L, 32L], logits.Shape);
        Assert.DoesNotContain(logits.Span<float>().ToArray(), value => !float.IsFinite(value));
        Assert.True(logits.Span<float>().ToArray().Distinct().Count() > 100);
    }

    [Fact]
    public void Gpt_nano_gives_finite_logits()
    {
        var ids = NpyArray.Load(RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy"));
        using var session = OrtSession.Open(runtime.Environment, RepositoryPaths.Fixture("gpt_nano", "gpt_nano.onnx"));
        using var input = OrtTensor.FromInt64s(ids.Integers.AsSpan(0, 2 * 128), 2, 128);

        using var logits = session.Run(new Dictionary<string, OrtTensor> { ["input_ids"] = input }, ["logits"]).Single();

        Assert.Equal([2L, 128L, 256L], logits.Shape);
        Assert.DoesNotContain(logits.Span<float>().ToArray(), value => !float.IsFinite(value));
    }

    [Fact]
    public void Path_bytes_and_model_give_the_same_session()
    {
        var inputs = TestModels.VlmInputs(2);
        using var fromPath = OrtSession.Open(runtime.Environment, Vlm);
        using var fromBytes = OrtSession.Open(runtime.Environment, File.ReadAllBytes(Vlm));
        using var fromModel = OrtSession.Open(runtime.Environment, OrtZero.Onnx.OnnxModel.Load(Vlm));

        using var expected = fromPath.Run(inputs).Single();
        using var second = fromBytes.Run(inputs).Single();
        using var third = fromModel.Run(inputs).Single();

        Assert.True(expected.Span<float>().SequenceEqual(second.Span<float>()));
        Assert.True(expected.Span<float>().SequenceEqual(third.Span<float>()));
    }

    [Fact]
    public void A_model_too_large_for_one_message_is_opened_through_files_that_do_not_stay()
    {
        var model = OrtZero.Onnx.OnnxModel.Load(Vlm);
        var inputs = TestModels.VlmInputs(2);
        var folders = Directory.GetDirectories(Path.GetTempPath(), "ortzero-session-*");
        using var direct = OrtSession.Open(runtime.Environment, model);
        using var throughFiles = OrtSession.Open(runtime.Environment, model, null, limit: 0);

        using var expected = direct.Run(inputs).Single();
        using var actual = throughFiles.Run(inputs).Single();

        Assert.True(expected.Span<float>().SequenceEqual(actual.Span<float>()));
        Assert.Empty(Directory.GetDirectories(Path.GetTempPath(), "ortzero-session-*").Except(folders));
    }

    [Fact]
    public void Threads_may_run_one_session_at_the_same_time()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(2);
        using var expected = session.Run(inputs).Single();
        var values = expected.Span<float>().ToArray();

        Parallel.For(0, 16, _ =>
        {
            using var actual = session.Run(inputs).Single();
            Assert.True(actual.Span<float>().SequenceEqual(values));
        });
    }

    [Fact]
    public void The_parallel_executor_gives_the_same_result()
    {
        var inputs = TestModels.VlmInputs(2);
        using var options = new OrtSessionOptions(runtime.Environment) { InterOpThreads = 2, CpuMemoryArena = false, MemoryPattern = false };
        options.DisableOptimizers("EliminateDropout", "CommonSubexpressionElimination");
        using var plain = OrtSession.Open(runtime.Environment, Vlm);
        using var parallel = OrtSession.Open(runtime.Environment, Vlm, options);

        using var expected = plain.Run(inputs).Single();
        using var actual = parallel.Run(inputs).Single();

        Assert.True(expected.Span<float>().SequenceEqual(actual.Span<float>()));
    }

    [Fact]
    public void Inputs_and_outputs_are_described_with_symbolic_axes_as_minus_one()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);

        Assert.Equal(["image", "input_ids"], session.Inputs.Select(input => input.Name));
        Assert.Equal([-1L, 1L, 28L, 28L], session.Inputs[0].Shape);
        Assert.Equal(OrtZero.Onnx.TensorElementType.Int64, session.Inputs[1].Type);
        Assert.Equal(["logits"], session.Outputs.Select(output => output.Name));
    }

    [Fact]
    public void An_unknown_input_is_named_with_the_known_ones()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(1);
        inputs["picture"] = inputs["image"];

        var error = Assert.Throws<OrtException>(() => session.Run(inputs));

        Assert.Equal(OrtErrorCode.InvalidArgument, error.Code);
        Assert.Equal("The model has no input 'picture'; its inputs are 'image', 'input_ids'.", error.Message);
    }

    [Fact]
    public void A_missing_input_is_named()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(1);
        inputs.Remove("image");

        var error = Assert.Throws<OrtException>(() => session.Run(inputs));

        Assert.Equal("Input 'image' (Float [?, 1, 28, 28]) was not given.", error.Message);
    }

    [Fact]
    public void A_wrong_shape_is_named_with_the_right_one()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(1);
        inputs["image"] = OrtTensor.FromSingles(new float[32 * 32], 1, 1, 32, 32);

        var error = Assert.Throws<OrtException>(() => session.Run(inputs));

        Assert.Equal("The model's input 'image' has shape [?, 1, 28, 28], but the given tensor has shape [1, 1, 32, 32].", error.Message);
    }

    [Fact]
    public void A_wrong_type_is_named_with_the_right_one()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);
        var inputs = TestModels.VlmInputs(1);
        inputs["input_ids"] = OrtTensor.FromSingles(new float[16], 1, 16);

        var error = Assert.Throws<OrtException>(() => session.Run(inputs));

        Assert.Equal("The model's input 'input_ids' is of type Int64, but the given tensor is of type Float.", error.Message);
    }

    [Fact]
    public void An_unknown_output_is_named()
    {
        using var session = OrtSession.Open(runtime.Environment, Vlm);

        var error = Assert.Throws<OrtException>(() => session.Run(TestModels.VlmInputs(1), ["logit"]));

        Assert.Equal("The model has no output 'logit'; its outputs are 'logits'.", error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_model_are_refused()
    {
        var error = Assert.Throws<OrtException>(() => OrtSession.Open(runtime.Environment, "no model at all"u8));

        Assert.Equal(OrtErrorCode.InvalidProtobuf, error.Code);
    }

    [Fact]
    public void A_truncated_model_file_is_refused()
    {
        var bytes = File.ReadAllBytes(Vlm);

        Assert.Throws<OrtException>(() => OrtSession.Open(runtime.Environment, bytes.AsSpan(0, bytes.Length / 2)));
    }

    [Fact]
    public void A_missing_model_file_is_named()
    {
        var error = Assert.Throws<FileNotFoundException>(() => OrtSession.Open(runtime.Environment, "absent.onnx"));

        Assert.Contains("absent.onnx", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operator_nobody_knows_is_named()
    {
        var model = TestModels.Of(["x"], ["y"], TestModels.Node("Frobnicate", ["x"], ["y"]));

        var error = Assert.Throws<OrtException>(() => OrtSession.Open(runtime.Environment, model));

        Assert.Contains("Frobnicate", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Terminated_run_options_end_the_run_until_reset()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var options = new OrtRunOptions(runtime.Environment);
        using var x = OrtTensor.FromSingles([1, 2], 2);
        var inputs = new Dictionary<string, OrtTensor> { ["x"] = x };

        options.Terminate();
        Assert.Throws<OrtException>(() => session.Run(inputs, options: options));
        options.Reset();
        using var y = session.Run(inputs, options: options).Single();

        Assert.Equal([2f, 4f], y.Span<float>().ToArray());
    }

    [Fact]
    public void Profiling_writes_a_json_file_with_the_nodes()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            using var options = new OrtSessionOptions(runtime.Environment);
            options.EnableProfiling(Path.Combine(folder, "profile"));
            using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling(), options);
            using var x = OrtTensor.FromSingles([1], 1);
            session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }).Single().Dispose();

            var path = session.EndProfiling();

            using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(path));
            Assert.Contains(json.RootElement.EnumerateArray(), item => item.GetProperty("name").GetString()!.StartsWith("the_Add_node", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_optimized_model_is_written_where_asked()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var path = Path.Combine(folder, "optimized.onnx");
            using var options = new OrtSessionOptions(runtime.Environment) { OptimizedModelPath = path, GraphOptimizationLevel = GraphOptimizationLevel.Basic };
            using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling(), options);

            Assert.True(new FileInfo(path).Length > 0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_provider_the_library_lacks_is_named_with_those_it_has()
    {
        using var options = new OrtSessionOptions(runtime.Environment);

        var error = Assert.Throws<OrtException>(() => options.AddProvider("FrobnicateExecutionProvider"));

        Assert.Contains("FrobnicateExecutionProvider", error.Message, StringComparison.Ordinal);
        Assert.Contains("CPUExecutionProvider", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adding_the_cpu_changes_nothing()
    {
        using var options = new OrtSessionOptions(runtime.Environment);
        options.AddProvider("CPUExecutionProvider");
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling(), options);
        using var x = OrtTensor.FromSingles([3], 1);

        using var y = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }).Single();

        Assert.Equal(6f, y.Span<float>()[0]);
    }
}
