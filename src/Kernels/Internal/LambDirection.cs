using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>LAMB's direction: (m/c1) / (sqrt(v/c2) + eps) + wd*w.</summary>
internal readonly struct LambDirection
{
    private readonly Vector512<float> _correction1;
    private readonly Vector512<float> _rootCorrection2;
    private readonly Vector512<float> _epsilon;
    private readonly Vector512<float> _decay;

    public LambDirection(double weightDecay, double beta1, double beta2, double epsilon, long update)
    {
        _correction1 = Vector512.Create((float)(1 - Math.Pow(beta1, update)));
        _rootCorrection2 = Vector512.Create((float)Math.Sqrt(1 - Math.Pow(beta2, update)));
        _epsilon = Vector512.Create((float)epsilon);
        _decay = Vector512.Create((float)weightDecay);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Of(Vector512<float> weight, Vector512<float> first, Vector512<float> second) => Vector512.FusedMultiplyAdd(
        _decay, weight, first / _correction1 / ((Vector512.Sqrt(second) / _rootCorrection2) + _epsilon));
}
