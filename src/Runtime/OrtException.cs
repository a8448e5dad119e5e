namespace OrtZero.Runtime;

/// <summary>
/// ONNX Runtime refused or failed. The message is its own, or a clearer one where the mistake is seen before the call.
/// When a custom operator written in C# threw, <see cref="Exception.InnerException"/> is what it threw.
/// </summary>
public sealed class OrtException : Exception
{
    /// <summary>Creates the exception with code <see cref="OrtErrorCode.Fail"/>.</summary>
    public OrtException()
        : this(OrtErrorCode.Fail, "ONNX Runtime failed.")
    {
    }

    /// <summary>Creates the exception with code <see cref="OrtErrorCode.Fail"/>.</summary>
    public OrtException(string message)
        : this(OrtErrorCode.Fail, message)
    {
    }

    /// <summary>Creates the exception with code <see cref="OrtErrorCode.Fail"/>.</summary>
    public OrtException(string message, Exception? innerException)
        : this(OrtErrorCode.Fail, message, innerException)
    {
    }

    /// <summary>Creates the exception.</summary>
    public OrtException(OrtErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>The kind of error.</summary>
    public OrtErrorCode Code { get; }
}
