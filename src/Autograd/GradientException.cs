namespace OrtZero.Autograd;

/// <summary>A training graph cannot be built from this model with these options; the message says what is wrong and how to fix it.</summary>
public sealed class GradientException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One sentence with the name of what is wrong and the fix.</param>
    public GradientException(string message)
        : base(message)
    {
    }
}
