namespace OrtZero.Coordinator;

/// <summary>The requests of a call that may have any number of them.</summary>
public interface IRpcClientStreamWriter<in T> : IRpcStreamWriter<T>
{
    /// <summary>Says that no more requests come.</summary>
    Task CompleteAsync();
}
