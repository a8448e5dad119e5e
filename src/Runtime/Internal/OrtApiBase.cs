using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>What <c>OrtGetApiBase</c> returns: the two functions every version has.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OrtApiBase
{
    public delegate* unmanaged<uint, nint> GetApi;
    public delegate* unmanaged<nint> GetVersionString;
}
