namespace OrtZero.Sharding;

/// <summary>What a stretch of time in a <see cref="StepTrace"/> was spent on.</summary>
public enum TraceActivity
{
    /// <summary>Samples are copied into the inputs.</summary>
    Data,

    /// <summary>ONNX Runtime runs forward and backward pass; gradients are handed over and parameters gathered meanwhile.</summary>
    Run,

    /// <summary>The optimizer updates a bucket.</summary>
    Optimizer,

    /// <summary>A checkpoint is written.</summary>
    Checkpoint,

    /// <summary>The model is validated.</summary>
    Validation,

    /// <summary>The training thread stands still until communication is done.</summary>
    Wait,

    /// <summary>A bucket of gradients is summed over the ranks.</summary>
    Reduce,

    /// <summary>A bucket of updated parameters is gathered.</summary>
    Gather,

    /// <summary>A parameter is gathered for a run (stage 3).</summary>
    GatherParameter,

    /// <summary>Ranks exchange sums of squares for the gradient norm.</summary>
    Norm,
}
