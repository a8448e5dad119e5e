using System.Globalization;
using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Adds to a log line what its last update did to each group, and warns of groups in trouble.</summary>
internal sealed class GroupObserver(LogSection log, ZeroEngine engine, ILogger logger)
{
    private readonly GroupAlarms _alarms = new(engine.Groups);

    /// <summary>Whether updates before a log line are to be measured.</summary>
    internal bool Measures => log.Watch;

    /// <summary>Takes the settings and measurements of a log line. Collective.</summary>
    /// <returns>The same, with distances where they are wanted.</returns>
    internal IReadOnlyList<GroupMetrics> Observe(long iteration, IReadOnlyList<GroupMetrics> groups)
    {
        if (log.WatchDistance)
        {
            var distances = engine.DistancesFromStart();
            groups = [.. groups.Select((group, index) => group with { Distance = distances[index].Start > 0 ? distances[index].Distance / distances[index].Start : null })];
        }

        if (log.Watch && groups.Count > 0 && engine.Communicator.Rank == 0)
        {
            Warn(_alarms.Observe(groups, engine.ZeroGradients()));
            if (logger.IsEnabled(LogLevel.Information))
            {
                var measured = string.Join(", ", groups.Select(Describe));
                LoopLog.GroupsMeasured(logger, iteration, measured);
            }
        }

        return groups;
    }

    /// <summary>The run ends.</summary>
    internal void Finish()
    {
        if (log.Watch && engine.Communicator.Rank == 0)
        {
            Warn(_alarms.Finish());
        }
    }

    private static string Describe(GroupMetrics group) => group.Vitals is not { } vitals
        ? $"{group.Name} sleeps"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{group.Name} grad_norm {vitals.GradientNorm:0.00e+0} param_norm {vitals.ParameterNorm:0.00e+0} update_ratio {vitals.UpdateRatio:0.00e+0} zero_share {vitals.ZeroShare:0.###}{(group.Distance is { } distance ? $" distance {distance:0.00e+0}" : "")}");

    private void Warn(IReadOnlyList<string> sentences)
    {
        foreach (var sentence in sentences)
        {
            LoopLog.Advice(logger, sentence);
        }
    }
}
