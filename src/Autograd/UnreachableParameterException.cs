namespace OrtZero.Autograd;

/// <summary>Trainable parameters that no gradient reaches, because the loss does not depend on them.</summary>
public sealed class UnreachableParameterException : Exception
{
    /// <summary>Names the parameters and the output.</summary>
    /// <param name="parameters">Every trainable parameter without a gradient.</param>
    /// <param name="output">The model output that the loss reads.</param>
    public UnreachableParameterException(IReadOnlyList<string> parameters, string output)
        : base($"The loss on output '{output}' does not depend on trainable parameter{(parameters.Count == 1 ? "" : "s")} "
            + $"'{string.Join("', '", parameters)}': add {(parameters.Count == 1 ? "it" : "them")} to the frozen parameters, "
            + "or choose an output that depends on them.") => Parameters = parameters;

    /// <summary>The parameters that must be frozen.</summary>
    public IReadOnlyList<string> Parameters { get; }
}
