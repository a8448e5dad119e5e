using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>A function applied to every pair of elements alone.</summary>
internal interface IBinaryFunction
{
    static abstract Vector512<float> Invoke(Vector512<float> x, Vector512<float> y);
}
