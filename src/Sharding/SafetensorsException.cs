namespace OrtZero.Sharding;

/// <summary>A safetensors file is damaged, incomplete or not one. The message names the file, the tensor where there is one, and
/// what is wrong.</summary>
public sealed class SafetensorsException : Exception
{
    /// <summary>Creates the exception with a message that names the file and what is wrong.</summary>
    public SafetensorsException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a message and the failure that led to it.</summary>
    public SafetensorsException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
