using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

public sealed class BindingTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void Runs_read_and_write_bound_memory_in_place()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var buffer = new AlignedBuffer(256);
        using var x = OrtTensor.Wrap(buffer, 0, TensorElementType.Float, [4]);
        using var y = OrtTensor.Wrap(buffer, 64, TensorElementType.Float, [4]);
        using var binding = session.CreateBinding();
        binding.Input("x", x);
        binding.Output("y", y);

        for (var run = 1; run <= 3; run++)
        {
            buffer.Span<float>(0, 4).Fill(run);
            session.Run(binding);
            Assert.Equal([2f * run, 2f * run, 2f * run, 2f * run], buffer.Span<float>(16, 4).ToArray());
        }
    }

    [Fact]
    public void A_value_bound_as_input_and_output_is_updated_in_place()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var w = OrtTensor.FromSingles([1, 3], 2);
        using var binding = session.CreateBinding();
        binding.Input("x", w);
        binding.Output("y", w);

        session.Run(binding);
        session.Run(binding);

        Assert.Equal([4f, 12f], w.Span<float>().ToArray());
    }

    [Fact]
    public void Outputs_come_in_the_order_of_binding_and_share_bound_memory()
    {
        var model = TestModels.Of(
            ["x"], ["a", "b"], TestModels.Node("Neg", ["x"], ["a"]), TestModels.Node("Add", ["x", "x"], ["b"]));
        using var session = OrtSession.Open(runtime.Environment, model);
        using var x = OrtTensor.FromSingles([5], 1);
        using var bound = OrtTensor.Zeros(TensorElementType.Float, 1);
        using var binding = session.CreateBinding();
        binding.Input("x", x);
        binding.OutputToCpu("b");
        binding.Output("a", bound);
        session.Run(binding);

        var outputs = binding.Outputs();

        Assert.Equal([10f, -5f], outputs.Select(output => output.Span<float>()[0]));
        Assert.Equal(bound.Address, outputs[1].Address);
        foreach (var output in outputs)
        {
            output.Dispose();
        }
    }

    [Fact]
    public void Rebinding_replaces_and_clearing_forgets()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var one = OrtTensor.FromSingles([1], 1);
        using var two = OrtTensor.FromSingles([2], 1);
        using var binding = session.CreateBinding();
        binding.Input("x", one);
        binding.Input("x", two);
        binding.OutputToCpu("y");
        session.Run(binding);
        using (var y = binding.Outputs().Single())
        {
            Assert.Equal(4f, y.Span<float>()[0]);
        }

        binding.Clear();
        binding.OutputToCpu("y");

        var error = Assert.Throws<OrtException>(() => session.Run(binding));
        Assert.Contains("Missing Input: x", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Results_survive_clearing_the_binding_and_the_tensor_they_were_bound_to()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var binding = session.CreateBinding();
        using (var x = OrtTensor.FromSingles([7], 1))
        using (var y = OrtTensor.Zeros(TensorElementType.Float, 1))
        {
            binding.Input("x", x);
            binding.Output("y", y);
        }

        session.Run(binding);
        using var result = binding.Outputs().Single();
        binding.Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        Assert.Equal(14f, result.Span<float>()[0]);
    }

    [Fact]
    public void Wrong_names_types_and_shapes_are_refused_when_binding()
    {
        using var session = OrtSession.Open(runtime.Environment, RepositoryPaths.Fixture("vlm", "vlm.onnx"));
        using var binding = session.CreateBinding();
        using var ids = OrtTensor.Zeros(TensorElementType.Int64, 1, 16);
        using var shortIds = OrtTensor.Zeros(TensorElementType.Int64, 1, 15);
        using var floats = OrtTensor.Zeros(TensorElementType.Float, 1, 16);

        Assert.Contains("no input 'ids'", Assert.Throws<OrtException>(() => binding.Input("ids", ids)).Message, StringComparison.Ordinal);
        Assert.Contains("[?, 16]", Assert.Throws<OrtException>(() => binding.Input("input_ids", shortIds)).Message, StringComparison.Ordinal);
        Assert.Contains("of type Int64", Assert.Throws<OrtException>(() => binding.Input("input_ids", floats)).Message, StringComparison.Ordinal);
        Assert.Contains("no output 'y'", Assert.Throws<OrtException>(() => binding.OutputToCpu("y")).Message, StringComparison.Ordinal);
        Assert.Contains("of type Float", Assert.Throws<OrtException>(() => binding.Output("logits", ids)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bound_output_of_the_wrong_size_is_an_error_of_the_run()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var x = OrtTensor.FromSingles([1, 2], 2);
        using var y = OrtTensor.Zeros(TensorElementType.Float, 3);
        using var binding = session.CreateBinding();
        binding.Input("x", x);
        binding.Output("y", y);

        Assert.Throws<OrtException>(() => session.Run(binding));
    }

    [Fact]
    public void A_binding_of_another_session_is_refused()
    {
        using var first = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var second = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var binding = first.CreateBinding();

        Assert.Throws<ArgumentException>(() => second.Run(binding));
    }
}
