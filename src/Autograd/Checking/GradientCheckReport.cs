namespace OrtZero.Autograd;

/// <summary>The result of <see cref="GradientCheck"/>.</summary>
public sealed class GradientCheckReport
{
    /// <summary>Every parameter asked for, in that order.</summary>
    public required IReadOnlyList<ParameterGradientCheck> Parameters { get; init; }

    /// <summary>Whether finite differences were taken in float64.</summary>
    public required bool IsDouble { get; init; }

    /// <summary>Why not, where the model had to stay in its own precision; else <c>null</c>.</summary>
    public string? SingleReason { get; init; }

    /// <summary>The loss: the outputs' weighted sum, as the model gives it.</summary>
    public required double Loss { get; init; }

    /// <summary>The same from the training graph.</summary>
    public required double TrainingLoss { get; init; }

    /// <summary>Whether the training graph computes the loss of the model.</summary>
    public required bool LossAgrees { get; init; }

    /// <summary>The largest difference that agrees, as a part of a gradient's size.</summary>
    public required double Tolerance { get; init; }

    /// <summary>Whether everything agrees.</summary>
    public bool Agrees => LossAgrees && Parameters.All(parameter => parameter.Agrees);
}
