using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <content>Watching the groups: measured by the updates that are asked to, at no cost to the others.</content>
public sealed partial class ZeroEngine
{
    private GroupWatch? _watch;
    private StartDistance? _start;

    /// <summary>What the last update with <see cref="UpdateSettings.Measure"/> did to each of <see cref="ParameterGroupTable.Groups"/>; empty
    /// before the first. The list is written anew by the next one.</summary>
    public IReadOnlyList<GroupMeasurement> Measurements => _watch?.Measurements ?? [];

    /// <summary>Keeps a copy of the parameters as they are, to measure their distance from it; call it when they are loaded. Each rank
    /// keeps its own shard at every stage: 4 bytes per element of it.</summary>
    public void KeepStart()
    {
        _start?.Dispose();
        _start = new StartDistance(this);
    }

    /// <summary>The L2 norm of how far each group's trainable parameters are from <see cref="KeepStart"/>, and of the parameters there.
    /// Collective.</summary>
    /// <exception cref="InvalidOperationException">No start was kept.</exception>
    public IReadOnlyList<(double Distance, double Start)> DistancesFromStart() =>
        (_start ?? throw new InvalidOperationException("This engine keeps no start of its parameters: call KeepStart when they are loaded.")).Measure();

    /// <summary>The parameters whose summed gradient holds a NaN or an infinity, after an update that was skipped.</summary>
    public IReadOnlyList<string> NonFiniteGradients() =>
        [.. Plan.Parameters.Where((_, index) => _trained[index] && !double.IsFinite(_norm.SquaresOf(index))).Select(parameter => parameter.Name)];

    /// <summary>The parameters whose summed gradient in the last update was 0 throughout.</summary>
    public IReadOnlyList<string> ZeroGradients() =>
        [.. Plan.Parameters.Where((parameter, index) => _trained[index] && parameter.Length > 0 && _norm.SquaresOf(index) == 0).Select(parameter => parameter.Name)];

    // An update that is not measured has no watch.
    private GroupWatch? Watch(in UpdateSettings settings)
    {
        if (!settings.Measure)
        {
            return null;
        }

        _watch ??= new GroupWatch(Plan, Groups, _optimizer, _norm, _trained);
        _watch.Begin();
        return _watch;
    }

    private void ForgetWatch()
    {
        _watch?.Dispose();
        _watch = null;
    }
}
