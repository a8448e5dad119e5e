namespace OrtZero.Sharding;

/// <summary>A mistake in the optimizer or grouping settings; the message names the setting and the fix.</summary>
public sealed class ParameterGroupException : Exception
{
    /// <summary>Creates the error.</summary>
    public ParameterGroupException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its cause.</summary>
    public ParameterGroupException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an error without a message.</summary>
    public ParameterGroupException()
    {
    }
}
