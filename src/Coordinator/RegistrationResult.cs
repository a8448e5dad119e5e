namespace OrtZero.Coordinator;

/// <summary>What came of a rank's registration, and why.</summary>
/// <param name="Outcome">What came of it.</param>
/// <param name="Message">The reason as one sentence when refused or unreachable; empty when accepted.</param>
public sealed record RegistrationResult(RegistrationOutcome Outcome, string Message)
{
    /// <summary>Whether the rank must stop.</summary>
    public bool IsRefused => Outcome == RegistrationOutcome.Refused;
}
