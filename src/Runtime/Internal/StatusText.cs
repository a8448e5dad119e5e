using System.Text.RegularExpressions;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// Frees ONNX Runtime's messages from the places in its own source they begin with, which say nothing to a user:
/// "/src/file.cc:12 void f(int) [ONNXRuntimeError] : 1 : FAIL : text" and "/src/file.cc:12 void f(int) x was false. text".
/// </summary>
internal static partial class StatusText
{
    public static string Clean(string message)
    {
        var text = Location().Replace(message, string.Empty);
        return (text.Length > 0 ? text : message).ReplaceLineEndings(" ").Trim();
    }

    [GeneratedRegex(@"/\S+\.(cc|h|cpp):\d+ [^\n]*?( was false\. (?=\S)|\[ONNXRuntimeError\] : \d+ : \w+ : )")]
    private static partial Regex Location();
}
