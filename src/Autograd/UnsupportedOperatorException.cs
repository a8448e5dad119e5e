namespace OrtZero.Autograd;

/// <summary>An operator without a gradient rule lies between a trainable parameter and the loss.</summary>
public sealed class UnsupportedOperatorException : Exception
{
    /// <summary>Names the node, the parameter behind it, and the fix.</summary>
    /// <param name="nodeName">The name of the node, or of its first output where the node has none.</param>
    /// <param name="operatorName">The operator, with its domain unless that is the default one.</param>
    /// <param name="parameter">A trainable parameter whose gradient would have to pass this node.</param>
    /// <param name="reason">What is not supported, where only a form of the operator is not; <c>null</c>: the operator has no rule.</param>
    public UnsupportedOperatorException(string nodeName, string operatorName, string parameter, string? reason = null)
        : base($"Node '{nodeName}' ({operatorName}) lies between trainable parameter '{parameter}' and the loss, but "
            + $"{reason ?? "this operator has no gradient rule"}: freeze '{parameter}' and every other parameter before this node, "
            + "or add a rule to GradientRuleRegistry.")
    {
        NodeName = nodeName;
        OperatorName = operatorName;
        Parameter = parameter;
    }

    /// <summary>The name of the node.</summary>
    public string NodeName { get; }

    /// <summary>The operator of the node.</summary>
    public string OperatorName { get; }

    /// <summary>A trainable parameter whose gradient would have to pass the node.</summary>
    public string Parameter { get; }
}
