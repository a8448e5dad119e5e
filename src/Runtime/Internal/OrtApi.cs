using System.Runtime.CompilerServices;

namespace OrtZero.Runtime.Internal;

/// <summary>The function table of one loaded ONNX Runtime library and the few things made from it once.</summary>
internal sealed unsafe partial class OrtApi
{
    private readonly nint* _table;

    public OrtApi(nint table, int version)
    {
        _table = (nint*)table;
        Version = version;
        nint allocator;
        Check(GetAllocatorWithDefaultOptions(&allocator));
        Allocator = allocator;
        nint memory;
        const int deviceAllocator = 0, defaultMemory = 0;
        Check(CreateCpuMemoryInfo(deviceAllocator, defaultMemory, &memory));
        CpuMemory = memory;
    }

    /// <summary>The API version asked for, which says how long the table is.</summary>
    public int Version { get; }

    /// <summary>The default CPU allocator; owned by ONNX Runtime.</summary>
    public nint Allocator { get; }

    /// <summary>The description of plain CPU memory; lives as long as the library, which is never unloaded.</summary>
    public nint CpuMemory { get; }

    public nint* Table => _table;

    public nint this[OrtFunction function]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _table[(int)function];
    }

    /// <summary>Turns a status into an exception and releases it; null means success.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Check(nint status)
    {
        if (status != 0)
        {
            Throw(status, null);
        }
    }

    /// <summary>Makes sure that the library has functions of a newer API version than <see cref="OrtLibrary.MinimumVersion"/>.</summary>
    /// <exception cref="OrtException">It is older.</exception>
    public void Require(int version, string what)
    {
        if (Version < version)
        {
            throw new OrtException(
                OrtErrorCode.NotImplemented, $"{what} needs ONNX Runtime 1.{version} or newer, and the library offers 1.{Version}; {LibraryLocator.HowToGet}.");
        }
    }

    public OrtException ToException(nint status, Exception? inner)
    {
        var exception = new OrtException((OrtErrorCode)GetErrorCode(status), StatusText.Clean(NativeText.Read(GetErrorMessage(status))), inner);
        ReleaseStatus(status);
        return exception;
    }

    /// <summary>A status with this message; the C API copies the text.</summary>
    public nint NewStatus(OrtErrorCode code, string message)
    {
        fixed (byte* text = NativeText.Utf8(message))
        {
            return CreateStatus((int)code, text);
        }
    }

    /// <summary>Reads a text made by the default allocator and frees it.</summary>
    public string TakeText(byte* text)
    {
        var result = NativeText.Read((nint)text);
        Check(AllocatorFree(Allocator, (nint)text));
        return result;
    }

    private void Throw(nint status, Exception? inner) => throw ToException(status, inner);
}
