namespace OrtZero.Training.Internal;

/// <summary>Runs micro-batches and brings their gradients to the engine.</summary>
internal interface ITrainingSession : IDisposable
{
    /// <summary>Runs the graph on what the input buffers hold.</summary>
    /// <param name="first">The micro-batch begins an update.</param>
    /// <param name="last">The micro-batch ends it.</param>
    /// <returns>The loss, with what it is to be divided by.</returns>
    MicroBatchLoss Run(bool first, bool last);
}
