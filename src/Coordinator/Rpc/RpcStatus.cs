namespace OrtZero.Coordinator;

/// <summary>The result of a call: a code and one sentence.</summary>
/// <param name="Code">How the call ended.</param>
/// <param name="Detail">What happened, for people; empty for success.</param>
/// <param name="DebugException">What caused it on this side of the wire, never sent.</param>
public readonly record struct RpcStatus(RpcStatusCode Code, string Detail, Exception? DebugException = null)
{
    /// <summary>Success.</summary>
    public static RpcStatus Success { get; } = new(RpcStatusCode.OK, "");

    /// <summary>The code and the sentence.</summary>
    public override string ToString() => Detail.Length == 0 ? $"{Code}" : $"{Code}: {Detail}";
}
