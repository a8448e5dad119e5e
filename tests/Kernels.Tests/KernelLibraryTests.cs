using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class KernelLibraryTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    private static readonly Dictionary<string, (long[][] Inputs, int Outputs, Action<NodeProto>? Attributes)> s_nodes = new()
    {
        ["LayerNormalizationGrad"] = ([[300, 96], [300, 96], [96], [300, 1], [300, 1]], 3, null),
        ["RmsNormalization"] = ([[600, 96], [96]], 2, null),
        ["RmsNormalizationGrad"] = ([[300, 96], [300, 96], [96], [300, 1]], 2, null),
        ["SoftmaxGrad"] = ([[500, 96], [500, 96]], 1, null),
        ["Gelu"] = ([[300, 96]], 1, null),
        ["GeluGrad"] = ([[300, 96], [300, 96]], 1, node => node.SetString("approximate", "tanh")),
        ["Silu"] = ([[300, 96]], 1, null),
        ["SiluGrad"] = ([[300, 96], [300, 96]], 1, null),
        ["SwiGlu"] = ([[300, 96], [300, 96]], 1, null),
        ["SwiGluGrad"] = ([[300, 96], [300, 96], [300, 96]], 2, null),
        ["CrossEntropy"] = ([[500, 96], [-500]], 2, node => node.SetFloat("label_smoothing", 0.1f)),
        ["EmbeddingGrad"] = ([[50, 160], [-50]], 1, node => node.SetInt("rows", 1000)),
        ["CounterDropout"] = ([[300, 96], [-1]], 1, null),
        ["CounterMask"] = ([[-2], [-1]], 1, null),
        ["ShapeAfter"] = ([[300, 96]], 1, node => node.SetInt("rank", 2).SetInts("shape", [96, 300])),
    };

    public static TheoryData<string> Names => new(KernelLibrary.OperatorNames);

    [Theory]
    [MemberData(nameof(Names))]
    public void Warm_runs_allocate_no_managed_memory(string name)
    {
        var (shapes, outputs, attributes) = s_nodes[name];

        // A negative length stands for integers.
        var inputs = shapes.Select(shape => shape[0] > 0
            ? OrtTensor.FromSingles(Numbers.Normal(1, (int)shape.Aggregate(1L, (product, length) => product * length)), shape)
            : OrtTensor.FromInt64s(Numbers.Integers(2, (int)-shape[0], 0, 50), -shape[0])).ToArray();
        using var session = fixture.Open(name, inputs, outputs, threads: 1, attributes);
        using var binding = session.CreateBinding();
        for (var i = 0; i < inputs.Length; i++)
        {
            binding.Input($"in{i}", inputs[i]);
        }

        var results = session.Run(KernelFixture.Named(inputs));
        for (var i = 0; i < outputs; i++)
        {
            binding.Output($"out{i}", results[i]);
        }

        for (var run = 0; run < 3; run++)
        {
            session.Run(binding);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var run = 0; run < 10; run++)
        {
            session.Run(binding);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void The_library_knows_its_operators_by_name()
    {
        Assert.Equal(KernelLibrary.OperatorNames.Order(), s_nodes.Keys.Order());
        Assert.All(KernelLibrary.OperatorNames, name => Assert.True(KernelLibrary.Contains(name)));
        Assert.False(KernelLibrary.Contains("gelu"));
        using var domain = KernelLibrary.CreateDomain(fixture.Environment);
        Assert.Equal("ortzero", domain.Name);
        Assert.Equal(KernelLibrary.OperatorNames.Order(), domain.Operators.Order());
    }
}
