namespace OrtZero.Training;

/// <summary>The <c>data</c> section.</summary>
public sealed record DataSection
{
    /// <summary>The samples to train on. Required.</summary>
    public required DatasetSection Train { get; init; }

    /// <summary>The samples to validate on. Null: there is no validation.</summary>
    public DatasetSection? Val { get; init; }
}
