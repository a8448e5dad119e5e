using System.Runtime.Intrinsics;
using OrtZero.Kernels.Internal;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

public sealed class CounterDropoutTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    /// <summary>The vectors that the authors of Philox publish (Random123, kat_vectors).</summary>
    [Theory]
    [InlineData(new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 }, new uint[] { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 })]
    [InlineData(
        new[] { uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue }, new[] { uint.MaxValue, uint.MaxValue },
        new uint[] { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd })]
    [InlineData(
        new uint[] { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, new uint[] { 0xa4093822, 0x299f31d0 },
        new uint[] { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 })]
    public void The_generator_gives_the_published_numbers(uint[] counter, uint[] key, uint[] expected)
    {
        Vector512<ulong>[] words = [.. counter.Select(word => Vector512.Create((ulong)word))];
        Philox.Apply(ref words[0], ref words[1], ref words[2], ref words[3], key[0] | ((ulong)key[1] << 32));
        Assert.Equal(expected.Select(word => Vector512.Create((ulong)word)), words);
        Assert.Equal(expected, Scalar(counter, key));
    }

    [Theory]
    [InlineData(0, 0.5f, 0, 0, 0)]
    [InlineData(1, 0.5f, 1, 0, 0)]
    [InlineData(31, 0.25f, 7, 1, 1)]
    [InlineData(32, 0.1f, 0, 5, 1L << 33)]
    [InlineData(65, 0.9f, (1L << 40) + 3, 2, 12)]
    [InlineData(20_011, 0.3f, 42, 3, (5L << 32) + 9)]
    public void Elements_are_kept_by_their_own_random_word(int count, float ratio, long seed, int node, long microBatch)
    {
        var x = Numbers.Normal(3, count);
        var expected = new float[count];
        for (var e = 0; e < count; e++)
        {
            var words = Scalar(
                [(uint)((e / 32 * 8) + (e % 8)), (uint)node, (uint)microBatch, (uint)(microBatch >> 32)], [(uint)seed, (uint)(seed >> 32)]);
            expected[e] = words[e / 8 % 4] < Math.Round(ratio * 4294967296.0) ? 0 : x[e] * (float)(1 / (1 - (double)ratio));
        }

        Assert.Equal(KernelFixture.Bits(expected), KernelFixture.Bits(Run(x, ratio, seed, node, microBatch)));
    }

    [Fact]
    public void The_mask_says_what_was_kept()
    {
        var x = Enumerable.Repeat(1f, 77).ToArray();
        using var tensor = OrtTensor.FromSingles(x, 7, 11);
        using var index = OrtTensor.FromProto(TensorFactory.Scalar("", 4L));
        using var session = fixture.Open("CounterDropout", [tensor, index], outputs: 2, threads: 1);
        var results = session.Run(KernelFixture.Named([tensor, index]));
        try
        {
            Assert.Equal(results[0].Span<float>().ToArray().Select(value => value != 0), results[1].Span<bool>().ToArray());
            Assert.Contains(false, results[1].Span<bool>().ToArray());
        }
        finally
        {
            Array.ForEach([.. results], result => result.Dispose());
        }
    }

    [Fact]
    public void A_mask_of_its_own_is_what_becomes_of_ones()
    {
        using var shape = OrtTensor.FromInt64s([7, 11, 3], 3);
        using var index = OrtTensor.FromProto(TensorFactory.Scalar("", (3L << 32) + 5));
        var mask = fixture.Run("CounterMask", [shape, index], attributes: proto => proto.SetFloat("ratio", 0.3f).SetInt("seed", 9).SetInt("node", 2))[0];
        Assert.Equal(KernelFixture.Bits(Run([.. Enumerable.Repeat(1f, 231)], 0.3f, 9, 2, (3L << 32) + 5)), KernelFixture.Bits(mask));
    }

    /// <summary>With a fixed seed, so that it cannot fail by chance: shares and correlations are within four standard deviations.</summary>
    [Fact]
    public void Masks_look_random_and_unrelated()
    {
        const int Count = 1 << 20;
        const float Ratio = 0.3f;
        var deviation = Math.Sqrt(1.0 / Count);
        var ones = Enumerable.Repeat(1f, Count).ToArray();
        float[][] masks = [Run(ones, Ratio, 1, 0, 0), Run(ones, Ratio, 2, 0, 0), Run(ones, Ratio, 1, 1, 0), Run(ones, Ratio, 1, 0, 1)];
        var normal = Array.ConvertAll(masks, mask => Array.ConvertAll(mask, value => ((value != 0 ? 1 : 0) - 0.7) / Math.Sqrt(0.21)));
        foreach (var mask in normal)
        {
            Assert.InRange(mask.Average() / deviation, -4, 4);
        }

        foreach (var other in normal[1..])
        {
            Assert.InRange(normal[0].Zip(other, (a, b) => a * b).Average() / deviation, -4, 4);
        }

        foreach (var distance in (int[])[1, 8, 16, 32, 256, 8192])
        {
            Assert.InRange(normal[0].Skip(distance).Zip(normal[0], (a, b) => a * b).Average() / deviation, -4, 4);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-0.1f)]
    [InlineData(float.NaN)]
    public void A_ratio_that_is_no_probability_is_refused(float ratio)
    {
        var error = Assert.ThrowsAny<OrtException>(() => Run([1, 2], ratio, 0, 0, 0));
        Assert.Contains("it must be at least 0 and less than 1", error.Message, StringComparison.Ordinal);
    }

    private float[] Run(float[] x, float ratio, long seed, int node, long microBatch)
    {
        using var tensor = OrtTensor.FromSingles(x, x.Length);
        using var index = OrtTensor.FromProto(TensorFactory.Scalar("", microBatch));
        return fixture.Run(
            "CounterDropout", [tensor, index], attributes: proto => proto.SetFloat("ratio", ratio).SetInt("seed", seed).SetInt("node", node))[0];
    }

    /// <summary>The paper's round, ten times.</summary>
    private static uint[] Scalar(uint[] counter, uint[] key)
    {
        var (c, k0, k1) = ((uint[])counter.Clone(), key[0], key[1]);
        for (var round = 0; round < 10; round++)
        {
            var (p0, p1) = (0xD2511F53UL * c[0], 0xCD9E8D57UL * c[2]);
            c = [(uint)(p1 >> 32) ^ c[1] ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c[3] ^ k1, (uint)p0];
            (k0, k1) = (unchecked(k0 + 0x9E3779B9), unchecked(k1 + 0xBB67AE85));
        }

        return c;
    }
}
