namespace OrtZero.Onnx;

/// <summary>A model file or graph is not valid ONNX. The message names the file, node or value and what to do about it.</summary>
public sealed class OnnxFormatException : Exception
{
    /// <summary>Creates the exception without a message.</summary>
    public OnnxFormatException()
    {
    }

    /// <summary>Creates the exception with one sentence for the user.</summary>
    public OnnxFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with one sentence for the user and its cause.</summary>
    public OnnxFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
