using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public class ShapeAfterTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    [Theory]
    [InlineData(new long[] { 2, 3, 4 })]
    [InlineData(new long[] { 7 })]
    [InlineData(new long[0])]
    public void The_shape_of_the_attribute_comes_out_whatever_the_token(long[] shape)
    {
        using var token = OrtTensor.FromSingles(Numbers.Normal(3, 5), 5);
        using var session = fixture.Open("ShapeAfter", [token], 1, threads: 1, node =>
        {
            node.SetInt("rank", shape.Length);
            if (shape.Length > 0)
            {
                node.SetInts("shape", shape);
            }
        });

        using var result = session.Run(KernelFixture.Named([token]))[0];
        Assert.Equal([shape.Length], result.Shape.ToArray());
        Assert.Equal(shape, result.Span<long>().ToArray());
    }
}
