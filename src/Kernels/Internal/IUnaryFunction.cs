using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>A function applied to every element alone.</summary>
internal interface IUnaryFunction
{
    static abstract Vector512<float> Invoke(Vector512<float> x);
}
