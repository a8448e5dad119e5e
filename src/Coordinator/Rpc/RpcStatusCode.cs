namespace OrtZero.Coordinator;

/// <summary>How a call ended; the numbers are those of the gRPC protocol.</summary>
public enum RpcStatusCode
{
    /// <summary>The call succeeded.</summary>
    OK = 0,

    /// <summary>The caller gave up.</summary>
    Cancelled = 1,

    /// <summary>An error that says nothing about its cause, for example an exception in a handler.</summary>
    Unknown = 2,

    /// <summary>The request makes no sense, whatever the state of the server.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed before the call was done.</summary>
    DeadlineExceeded = 4,

    /// <summary>What the call is about does not exist.</summary>
    NotFound = 5,

    /// <summary>What the call would create exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>Something is used up, for example the allowed message size.</summary>
    ResourceExhausted = 8,

    /// <summary>The state of the server does not allow the call; trying again as it is will not help.</summary>
    FailedPrecondition = 9,

    /// <summary>The call met another one; the whole operation may be tried again later.</summary>
    Aborted = 10,

    /// <summary>Past the end of something.</summary>
    OutOfRange = 11,

    /// <summary>The server has no such method, or not with this encoding.</summary>
    Unimplemented = 12,

    /// <summary>Something that must hold does not, for example a broken message.</summary>
    Internal = 13,

    /// <summary>The server cannot be reached now; trying again later may help.</summary>
    Unavailable = 14,

    /// <summary>Data are lost or damaged.</summary>
    DataLoss = 15,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,
}
