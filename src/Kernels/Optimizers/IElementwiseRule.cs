using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// The update of sixteen elements by an optimizer that treats every element alone. A rule with no such state ignores what it is
/// given for it.
/// </summary>
public interface IElementwiseRule
{
    /// <summary>Updates sixteen weights and their optimizer state.</summary>
    /// <param name="weight">The weights.</param>
    /// <param name="gradient">Their gradients as they were accumulated: divisor and clipping still to be applied.</param>
    /// <param name="first">The optimizer's first state.</param>
    /// <param name="second">Its second state.</param>
    /// <param name="third">Its third state.</param>
    void Apply(
        ref Vector512<float> weight, Vector512<float> gradient, ref Vector512<float> first, ref Vector512<float> second, ref Vector512<float> third);
}
