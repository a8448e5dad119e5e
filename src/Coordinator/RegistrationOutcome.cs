namespace OrtZero.Coordinator;

/// <summary>What came of a rank's registration.</summary>
public enum RegistrationOutcome
{
    /// <summary>The coordinator follows this rank.</summary>
    Accepted,

    /// <summary>This rank does not belong to the others: it must not train.</summary>
    Refused,

    /// <summary>No coordinator answers, or it is busy with another run: train; it is tried again in the background.</summary>
    Unreachable,
}
