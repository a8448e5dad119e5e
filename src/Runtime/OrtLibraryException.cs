namespace OrtZero.Runtime;

/// <summary>
/// The native ONNX Runtime library was not found, is something else, or is too old. The message names the file and says
/// how to get a fitting one.
/// </summary>
public sealed class OrtLibraryException : Exception
{
    /// <summary>Creates the exception.</summary>
    public OrtLibraryException()
        : this("The native ONNX Runtime library cannot be used.")
    {
    }

    /// <summary>Creates the exception.</summary>
    public OrtLibraryException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    public OrtLibraryException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
