namespace OrtZero.RankWorker.Internal;

/// <summary>What the command line says about a run.</summary>
internal sealed record RunArguments
{
    /// <summary>The cfg.json as it was written on the command line.</summary>
    internal required string ConfigurationPath { get; init; }

    /// <summary>Changes to it, "path.to.key=value", in order.</summary>
    internal required IReadOnlyList<string> Overrides { get; init; }

    /// <summary>Ends the run early, after so many iterations, with the schedules the configuration gives it. Null: it runs to its end.</summary>
    internal long? MaxIterations { get; init; }

    /// <summary>Whether this process trains alone, whatever started it.</summary>
    internal bool Debug { get; init; }

    /// <summary>Whether errors come with the place in the program they come from, and the log with details.</summary>
    internal bool Verbose { get; init; }
}
