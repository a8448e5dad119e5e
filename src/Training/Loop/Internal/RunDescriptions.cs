using System.Security.Cryptography;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Describes a run to those who watch it.</summary>
internal static class RunDescriptions
{
    /// <summary>Gives the run a name and says what it is. Collective.</summary>
    internal static RunDescription Create(
        TrainingConfiguration configuration, PreparedModel prepared, ZeroEngine engine, IterationPlan plan, long iteration, string configurationHash)
    {
        var ranks = engine.Communicator;
        var runId = new byte[16];
        RandomNumberGenerator.Fill(runId);
        ranks.Broadcast(runId, root: 0);
        return new RunDescription
        {
            RunId = Convert.ToHexStringLower(runId),
            Rank = ranks.Rank,
            WorldSize = ranks.Size,
            ConfigurationHash = configurationHash,
            ModelHash = prepared.FileHash,
            ModelPath = configuration.Model.Path,
            WorkDir = configuration.WorkDir,
            FirstIteration = iteration,
            TotalIterations = plan.TotalIterations,
            IterationsPerEpoch = plan.IterationsPerEpoch,
            TrainableElements = engine.Plan.ParameterElements,
            ZeroStage = engine.Stage,
            Groups = [.. prepared.Groups.Groups.Select(group => group.Name)],
            StartedAt = DateTimeOffset.UtcNow,
        };
    }
}
