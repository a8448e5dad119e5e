using System.Runtime.InteropServices;
using System.Text;

namespace OrtZero.Runtime.Internal;

/// <summary>Strings as the C API takes and gives them.</summary>
internal static class NativeText
{
    /// <summary>UTF-8 with a closing zero byte.</summary>
    public static byte[] Utf8(string text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>A path as ORTCHAR_T: UTF-16 on Windows, UTF-8 elsewhere, with a closing zero.</summary>
    public static byte[] Path(string path) =>
        OperatingSystem.IsWindows() ? Encoding.Unicode.GetBytes(path + '\0') : Utf8(path);

    public static string Read(nint text) => Marshal.PtrToStringUTF8(text) ?? string.Empty;
}
