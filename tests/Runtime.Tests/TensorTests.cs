using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

public sealed class TensorTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Buffers_are_aligned_and_zeroed(long length)
    {
        using var buffer = new AlignedBuffer(length);

        Assert.Equal(0, buffer.Address % AlignedBuffer.Alignment);
        Assert.Equal(length, buffer.Span<byte>().Length);
        Assert.False(buffer.Span<byte>().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Ranges_outside_a_buffer_are_refused()
    {
        using var buffer = new AlignedBuffer(16);

        Assert.Equal(2, buffer.Span<float>(2, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(3, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(-1, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(long.MaxValue, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => new AlignedBuffer(-1));
    }

    [Fact]
    public void A_tensor_that_does_not_fit_its_buffer_is_refused()
    {
        using var buffer = new AlignedBuffer(16);

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => OrtTensor.Wrap(buffer, 4, TensorElementType.Float, [2, 2]));

        Assert.Contains("takes 16 bytes and does not fit at byte 4", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => OrtTensor.Wrap(buffer, 0, TensorElementType.Float, [-1]));
        Assert.Throws<ArgumentException>(() => OrtTensor.Wrap(buffer, 0, TensorElementType.String, [1]));
    }

    [Fact]
    public void Wrapping_copies_nothing()
    {
        using var buffer = new AlignedBuffer(64);
        using var tensor = OrtTensor.Wrap(buffer, 8, TensorElementType.Float, [2]);

        tensor.Span<float>()[1] = 5;

        Assert.Equal(buffer.Address + 8, tensor.Address);
        Assert.Equal(5f, buffer.Span<float>(3, 1)[0]);
    }

    [Fact]
    public void Elements_are_seen_only_as_their_own_type_or_bytes()
    {
        using var tensor = OrtTensor.FromBytes(TensorElementType.BFloat16, [1, 2, 3, 4], 2);

        Assert.Equal([0x0201, 0x0403], tensor.Span<ushort>().ToArray());
        Assert.Equal(4, tensor.Span<byte>().Length);
        var error = Assert.Throws<InvalidOperationException>(() => tensor.Span<float>().Length);
        Assert.Equal("A tensor of BFloat16 cannot be seen as Single.", error.Message);
    }

    [Fact]
    public void A_number_of_values_other_than_the_shapes_is_refused()
    {
        Assert.Throws<ArgumentException>(() => OrtTensor.FromSingles([1, 2, 3], 2, 2));
        Assert.Throws<ArgumentException>(() => OrtTensor.FromInt64s([1, 2]));
    }

    [Fact]
    public void Tensors_of_a_model_are_copied()
    {
        using var tensor = OrtTensor.FromProto(TensorFactory.FromInt64s("t", [2, 1], [3, 4]));

        Assert.Equal([2L, 1L], tensor.Shape);
        Assert.Equal([3L, 4L], tensor.Span<long>().ToArray());
    }
}
