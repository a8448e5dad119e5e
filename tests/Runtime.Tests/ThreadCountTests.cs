namespace OrtZero.Runtime.Tests;

/// <summary>
/// Why deterministic training runs on one thread: what ONNX Runtime computes depends on the number of threads. It divides a product with
/// more columns than rows, and the columns of a convolution of one sample, among the threads; each then cuts the inner axis into blocks
/// whose length follows from the columns it got. Sums over outer axes are divided likewise.
/// </summary>
public sealed class ThreadCountTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData(48, 1000, 65, false)]
    [InlineData(65, 1000, 48, true)]
    [InlineData(4, 256, 96, false)]
    public void A_product_depends_on_the_number_of_threads_where_columns_are_divided(int rows, int inner, int columns, bool equal)
    {
        using var left = Noise(rows, inner);
        using var right = Noise(inner, columns);
        var inputs = new Dictionary<string, OrtTensor> { ["a"] = left, ["b"] = right };

        Assert.Equal(equal, OneThreadGivesWhatTwoGive("MatMul", inputs));
    }

    [Fact]
    public void A_convolution_of_one_sample_depends_on_the_number_of_threads()
    {
        using var picture = Noise(1, 14, 14, 14);
        using var weights = Noise(18, 14, 4, 4);

        Assert.False(OneThreadGivesWhatTwoGive("Conv", new Dictionary<string, OrtTensor> { ["a"] = picture, ["b"] = weights }));
    }

    private bool OneThreadGivesWhatTwoGive(string operation, Dictionary<string, OrtTensor> inputs)
    {
        var one = Run(operation, inputs, 1);
        var two = Run(operation, inputs, 2);
        Assert.Equal(one.Length, two.Length);
        return one.AsSpan().SequenceEqual(two);
    }

    private float[] Run(string operation, Dictionary<string, OrtTensor> inputs, int threads)
    {
        using var options = new OrtSessionOptions(runtime.Environment) { IntraOpThreads = threads, GraphOptimizationLevel = GraphOptimizationLevel.None };
        var model = TestModels.Of([], ["y"], TestModels.Node(operation, ["a", "b"], ["y"]));
        foreach (var (name, tensor) in inputs)
        {
            model.Graph.Input.Add(TestModels.Value(name, [.. tensor.Shape.Select(length => $"{length}")]));
        }

        using var session = OrtSession.Open(runtime.Environment, model, options);
        using var result = session.Run(inputs).Single();
        return result.Span<float>().ToArray();
    }

    private static OrtTensor Noise(params long[] shape)
    {
        var noise = new Random(5);
        return OrtTensor.FromSingles([.. Enumerable.Range(0, (int)shape.Aggregate(1L, (count, length) => count * length)).Select(_ => noise.NextSingle() - 0.5f)], shape);
    }
}
