namespace OrtZero.Sharding.Internal;

/// <summary>
/// An update rule. One that treats every element alone is one class with <see cref="Update"/>; one that needs to know something
/// of whole tensors finds it out in <see cref="Prepare"/>.
/// </summary>
/// <remarks>Results may not depend on where ranges are cut, so that a model trains alike on any number of ranks.</remarks>
internal abstract class Optimizer : IDisposable
{
    /// <summary>The most element-wise states an optimizer may have.</summary>
    public const int MaxStates = 3;

    /// <summary>The names of its element-wise states: what they are called in checkpoints, after PyTorch.</summary>
    public abstract IReadOnlyList<string> StateNames { get; }

    /// <summary>The states that are not one number per element, the same on every rank.</summary>
    public virtual IReadOnlyList<TensorState> TensorStates => [];

    /// <summary>Bytes of its own that it holds, states of whole tensors and working memory.</summary>
    public virtual long ByteLength => 0;

    /// <summary>What elements of a state are at the beginning.</summary>
    public virtual float InitialState(int state) => 0;

    /// <summary>Whether a parameter has a state; memory is reserved only for those that do.</summary>
    public virtual bool HasState(int state, ParameterSettings settings) => true;

    /// <summary>Other parameters are trained from now on: whatever is known by the index of a range is out of date.</summary>
    public virtual void TrainedChanged()
    {
    }

    /// <summary>What has to be known of whole tensors before any range is updated. Called once per update on every rank.</summary>
    public virtual void Prepare(OptimizerPass pass)
    {
    }

    /// <summary>Whether <see cref="Prepare"/> moves the weights of a parameter already, and <see cref="Update"/> does nothing.</summary>
    public virtual bool MovesAhead(ParameterSettings settings) => false;

    /// <summary>Updates a range of a tensor in place.</summary>
    public abstract void Update(in RangeContext range);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
