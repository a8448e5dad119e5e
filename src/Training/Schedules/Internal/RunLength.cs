namespace OrtZero.Training.Internal;

/// <summary>How long a run is.</summary>
/// <param name="EpochLength">Iterations of an epoch.</param>
/// <param name="Epochs">Where an epoch-based schedule ends by default.</param>
/// <param name="Iterations">Iterations of the run.</param>
/// <param name="IsByIteration">Whether the configuration gave iterations rather than epochs.</param>
internal sealed record RunLength(int EpochLength, int Epochs, long Iterations, bool IsByIteration)
{
    public static RunLength Of(int epochLength, int? maxEpochs, long? maxIterations) => (maxEpochs, maxIterations) switch
    {
        // MMEngine's iteration-based loop has one endless epoch, which is where the default end of 1 comes from.
        (null, { } iterations) => new RunLength(epochLength, 1, iterations, true),
        ({ } epochs, _) => new RunLength(epochLength, epochs, maxIterations ?? ((long)epochs * epochLength), false),
        _ => throw new ArgumentException("A run is measured in epochs or in iterations; neither was given."),
    };
}
