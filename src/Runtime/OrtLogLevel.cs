namespace OrtZero.Runtime;

/// <summary>The least severe message ONNX Runtime writes to standard error.</summary>
public enum OrtLogLevel
{
    /// <summary>Everything.</summary>
    Verbose = 0,

    /// <summary>Information and worse.</summary>
    Information = 1,

    /// <summary>Warnings and worse.</summary>
    Warning = 2,

    /// <summary>Errors, also those that come back as an <see cref="OrtException"/> anyway.</summary>
    Error = 3,

    /// <summary>Only what ends the process.</summary>
    Fatal = 4,
}
