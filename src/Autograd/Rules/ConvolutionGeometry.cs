using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Rules;

/// <summary>Kernel, strides, dilations and explicit padding of a convolution or pooling, one number per spatial axis.</summary>
internal sealed record ConvolutionGeometry(long[] Kernel, long[] Strides, long[] Dilations, long[] Before, long[] After, long Group)
{
    public int Rank => Kernel.Length;

    /// <summary>A kernel of one element that visits every position.</summary>
    public bool IsPointwise => Kernel.All(length => length == 1) && Strides.All(stride => stride == 1) && IsUnpadded;

    private bool IsUnpadded => Before.All(count => count == 0) && After.All(count => count == 0);

    /// <summary>Whether the kernel covers every input element exactly once.</summary>
    public bool IsTiling(long[] input, long[] output) =>
        IsUnpadded && Dilations.Zip(Kernel).All(pair => pair.First == 1 || pair.Second == 1)
        && Enumerable.Range(0, Rank).All(i => Strides[i] == Kernel[i] && output[i + 2] * Kernel[i] == input[i + 2]);

    /// <summary>The spatial lengths that a convolution of an input with these spatial lengths gives.</summary>
    public long[] OutputOf(ReadOnlySpan<long> lengths)
    {
        var outputs = new long[Rank];
        for (var i = 0; i < outputs.Length; i++)
        {
            outputs[i] = ((lengths[i] + Before[i] + After[i] - (Dilations[i] * (Kernel[i] - 1)) - 1) / Strides[i]) + 1;
        }

        return outputs;
    }

    /// <summary>Sets the attributes of Conv and ConvTranspose.</summary>
    public void Write(NodeProto node) =>
        node.SetInts("kernel_shape", Kernel).SetInts("strides", Strides).SetInts("dilations", Dilations)
            .SetInts("pads", [.. Before, .. After]).SetInt("group", Group);

    /// <summary>Reads the attributes of a ConvTranspose; padding that follows from the shape of the output becomes explicit.</summary>
    public static ConvolutionGeometry OfTransposed(RuleContext context, long[] input, long[] output, long[] weight)
    {
        var node = context.Node;
        var geometry = Of(context, input, weight);
        var automatic = node.GetString("auto_pad", "NOTSET");
        if (automatic == "NOTSET" && node.GetInts("output_shape") is null)
        {
            return geometry;
        }

        var extra = node.GetInts("output_padding") ?? new long[geometry.Rank];
        var (before, after) = (new long[geometry.Rank], new long[geometry.Rank]);
        for (var i = 0; i < geometry.Rank && automatic != "VALID"; i++)
        {
            var reach = (geometry.Strides[i] * (input[i + 2] - 1)) + extra[i] + ((geometry.Kernel[i] - 1) * geometry.Dilations[i]) + 1;
            var total = Math.Max(0, reach - output[i + 2]);
            before[i] = automatic == "SAME_UPPER" ? total / 2 : total - (total / 2);
            after[i] = total - before[i];
        }

        return geometry with { Before = before, After = after };
    }

    /// <summary>Reads the attributes; automatic padding becomes explicit.</summary>
    /// <param name="context">The node.</param>
    /// <param name="input">The shape [N, C, spatial..] that is convolved.</param>
    /// <param name="weight">The shape [M, C/group, kernel..] of the weight.</param>
    public static ConvolutionGeometry Of(RuleContext context, long[] input, long[] weight)
    {
        var node = context.Node;
        var kernel = node.GetInts("kernel_shape") ?? weight[2..];
        var ones = Enumerable.Repeat(1L, kernel.Length).ToArray();
        var strides = node.GetInts("strides") ?? ones;
        var dilations = node.GetInts("dilations") ?? ones;
        var pads = node.GetInts("pads") ?? new long[2 * kernel.Length];
        var before = pads[..kernel.Length];
        var after = pads[kernel.Length..];
        var automatic = node.GetString("auto_pad", "NOTSET");
        if (automatic is "SAME_UPPER" or "SAME_LOWER")
        {
            for (var i = 0; i < kernel.Length; i++)
            {
                var length = input[i + 2];
                var steps = (length + strides[i] - 1) / strides[i];
                var total = Math.Max(0, ((steps - 1) * strides[i]) + (dilations[i] * (kernel[i] - 1)) + 1 - length);
                before[i] = automatic == "SAME_UPPER" ? total / 2 : total - (total / 2);
                after[i] = total - before[i];
            }
        }
        else if (automatic == "VALID")
        {
            (before, after) = (new long[kernel.Length], new long[kernel.Length]);
        }

        return new ConvolutionGeometry(kernel, strides, dilations, before, after, node.GetInt("group", 1));
    }
}
