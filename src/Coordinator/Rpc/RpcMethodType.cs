namespace OrtZero.Coordinator;

/// <summary>How many messages a method takes and gives.</summary>
public enum RpcMethodType
{
    /// <summary>One request, one response.</summary>
    Unary,

    /// <summary>Any number of requests, one response.</summary>
    ClientStreaming,

    /// <summary>One request, any number of responses.</summary>
    ServerStreaming,

    /// <summary>Any number of both, independent of each other.</summary>
    DuplexStreaming,
}
