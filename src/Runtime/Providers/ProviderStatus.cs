namespace OrtZero.Runtime;

/// <summary>Whether an execution provider can be used on this machine.</summary>
/// <param name="Provider">The provider as <see cref="OrtLibrary.Providers"/> lists it.</param>
/// <param name="Adapters">The devices its driver names, in the driver's order; empty where it was not asked.</param>
/// <param name="Problem">A clause that says why it cannot be used; null if it can, as far as was looked.</param>
/// <param name="Fix">What to do about the problem, as a clause; empty without one.</param>
public sealed record ProviderStatus(string Provider, IReadOnlyList<GpuAdapter> Adapters, string? Problem, string Fix = "")
{
    /// <summary>Whether nothing stands in the way.</summary>
    public bool Works => Problem is null;
}
