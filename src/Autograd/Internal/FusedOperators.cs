namespace OrtZero.Autograd.Internal;

/// <summary>The fused operators that may be written.</summary>
internal static class FusedOperators
{
    public const string Domain = "ortzero";

    private static readonly HashSet<string> Known = [];

    public static bool Contains(string operatorName) => Known.Contains(operatorName);
}
