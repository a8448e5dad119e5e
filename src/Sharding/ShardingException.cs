namespace OrtZero.Sharding;

/// <summary>
/// A mistake in what is to be sharded or in the order the engine is used: an unknown parameter, a gradient of another shape,
/// a gradient that never came, a collective that failed. The message names the parameter or the bucket and the fix.
/// </summary>
public sealed class ShardingException : Exception
{
    /// <summary>Creates the exception with a message that names the thing and the fix.</summary>
    public ShardingException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a message and the failure that led to it.</summary>
    public ShardingException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
