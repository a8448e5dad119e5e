using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

public sealed class LifetimeTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void Disposing_twice_is_harmless()
    {
        var environment = new OrtEnvironment(runtime.Library, OrtLogLevel.Fatal);
        var options = new OrtSessionOptions(environment);
        var domain = new CustomOperatorDomain(environment, "test");
        var runOptions = new OrtRunOptions(environment);
        var session = OrtSession.Open(environment, TestModels.Doubling(), options);
        var binding = session.CreateBinding();
        var buffer = new AlignedBuffer(64);
        var tensor = OrtTensor.Wrap(buffer, 0, TensorElementType.Float, [4]);
        binding.Input("x", tensor);
        IDisposable[] everything = [environment, options, domain, runOptions, session, binding, buffer, tensor];

        foreach (var item in everything.Concat(everything))
        {
            item.Dispose();
        }

        Assert.Throws<ObjectDisposedException>(() => OrtSession.Open(environment, TestModels.Doubling()));
        Assert.Throws<ObjectDisposedException>(() => options.IntraOpThreads = 1);
        Assert.Throws<ObjectDisposedException>(() => domain.Add(new ScaleOperator()));
        Assert.Throws<ObjectDisposedException>(runOptions.Terminate);
        Assert.Throws<ObjectDisposedException>(() => session.Run(new Dictionary<string, OrtTensor>()));
        Assert.Throws<ObjectDisposedException>(session.CreateBinding);
        Assert.Throws<ObjectDisposedException>(binding.Clear);
        Assert.Throws<ObjectDisposedException>(() => buffer.Address);
        Assert.Throws<ObjectDisposedException>(() => tensor.Address);
    }

    [Fact]
    public void A_session_outlives_everything_it_was_made_from()
    {
        using var session = OpenAndDisposeTheRest();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var x = OrtTensor.FromSingles([1, 2], 2);

        using var y = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }).Single();

        Assert.Equal([3f, 6f], y.Span<float>().ToArray());
    }

    [Fact]
    public void A_bound_tensor_outlives_its_buffer_and_itself_until_the_binding_lets_go()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var binding = session.CreateBinding();
        using (var buffer = new AlignedBuffer(1 << 20))
        using (var x = OrtTensor.Wrap(buffer, 0, TensorElementType.Float, [2]))
        {
            buffer.Span<float>(0, 2)[0] = 21;
            binding.Input("x", x);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        binding.OutputToCpu("y");
        session.Run(binding);

        using var y = binding.Outputs()[0];
        Assert.Equal([42f, 0f], y.Span<float>().ToArray());
    }

    [Fact]
    public void A_result_outlives_its_session()
    {
        OrtTensor y;
        using (var session = OrtSession.Open(runtime.Environment, TestModels.Doubling()))
        using (var x = OrtTensor.FromSingles([4], 1))
        {
            y = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }).Single();
        }

        using (y)
        {
            Assert.Equal(8f, y.Span<float>()[0]);
        }
    }

    private OrtSession OpenAndDisposeTheRest()
    {
        using var environment = new OrtEnvironment(runtime.Library, OrtLogLevel.Fatal);
        using var domain = new CustomOperatorDomain(environment, TestModels.Domain);
        domain.Add(new ScaleOperator());
        using var options = new OrtSessionOptions(environment);
        options.AddCustomOperators(domain);
        var node = TestModels.Custom("Scale", ["x"], ["y"]).SetFloat("factor", 3);
        return OrtSession.Open(environment, TestModels.Of(["x"], ["y"], node), options);
    }
}
