using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>coordinator</c> section.</summary>
public sealed record CoordinatorSection
{
    /// <summary>
    /// Where the coordinator is: "embedded" (in rank 0), "none", or "host:port" of one that runs on its own.
    /// Default: "embedded".
    /// </summary>
    public CoordinatorAddress Address { get; init; } = CoordinatorAddress.Embedded;

    /// <summary>The port an embedded coordinator listens on. Default: 0, any free port; rank 0 says which.</summary>
    [Limits(AtLeast = 0, AtMost = 65535)]
    public int Port { get; init; }
}
