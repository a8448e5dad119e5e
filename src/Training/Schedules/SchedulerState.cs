namespace OrtZero.Training;

/// <summary>How far one scheduler has come.</summary>
public sealed record SchedulerState
{
    /// <summary>The schedule; a state is only loaded into one of the same type.</summary>
    public required SchedulerKind Type { get; init; }

    /// <summary>Steps taken in all, counted from 0.</summary>
    public required long GlobalStep { get; init; }

    /// <summary>Steps taken inside the window, counted from 0; -1 before the first.</summary>
    public required long LastStep { get; init; }

    /// <summary>ReduceOnPlateauLR: the best metric so far. Null before the first validation and for other schedules.</summary>
    public double? Best { get; init; }

    /// <summary>ReduceOnPlateauLR: validations without improvement since the last one or the last reduction.</summary>
    public int BadEpochs { get; init; }

    /// <summary>ReduceOnPlateauLR: validations left of the cooldown.</summary>
    public int Cooldown { get; init; }
}
