namespace OrtZero.Runtime.Tests;

public sealed class ProviderTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void A_session_tells_which_provider_runs_each_node()
    {
        using var options = new OrtSessionOptions(runtime.Environment) { RecordNodePlacement = true };
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling(), options);
        var node = Assert.Single(session.NodePlacements());
        Assert.Equal(new NodePlacement("the_Add_node_y", "Add", "", ProviderCheck.Cpu), node);
    }

    [Fact]
    public void Placement_that_was_not_recorded_is_an_error_that_names_the_setting()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        var exception = Assert.Throws<OrtException>(session.NodePlacements);
        Assert.Contains("record_ep_graph_assignment_info", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_processor_is_among_the_devices()
    {
        var cpu = Assert.Single(runtime.Environment.Devices(), device => device.Kind == OrtDeviceKind.Cpu);
        Assert.Equal(ProviderCheck.Cpu, cpu.Provider);
    }

    [Fact]
    public void The_cpu_works_and_what_does_not_says_why_and_what_to_do()
    {
        Assert.True(ProviderCheck.Try(runtime.Environment, ProviderCheck.Cpu).Works);
        foreach (var provider in (string[])[ProviderCheck.Cuda, ProviderCheck.WebGpu, "SlowExecutionProvider"])
        {
            var status = ProviderCheck.Look(runtime.Library, provider);
            Assert.True(status.Works || status.Fix.Length > 0, $"{status}");
        }

        Assert.Contains("is built without it", ProviderCheck.Look(runtime.Library, "SlowExecutionProvider").Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_left_where_it_is_computed_is_an_input_of_the_next_run()
    {
        using var session = OrtSession.Open(runtime.Environment, TestModels.Doubling());
        using var binding = session.CreateBinding();
        using var start = OrtTensor.FromSingles([1f, 3f], 2);
        binding.Input("x", start);
        binding.OutputToDevice("y");
        session.Run(binding);
        using var twice = Assert.Single(binding.Outputs());
        Assert.Equal(["y"], binding.OutputNames);

        // The CPU's own memory, which can be read.
        Assert.False(twice.IsOnDevice);
        binding.Input("x", twice);
        binding.OutputToDevice("y");
        binding.SynchronizeInputs();
        session.Run(binding);
        using var fourTimes = Assert.Single(binding.Outputs());
        Assert.Equal([4f, 12f], fourTimes.Span<float>().ToArray());
        Assert.Equal([2f, 6f], twice.Span<float>().ToArray());
    }
}
