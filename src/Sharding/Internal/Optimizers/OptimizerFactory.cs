namespace OrtZero.Sharding.Internal;

/// <summary>Makes the optimizer that a configuration names.</summary>
internal static class OptimizerFactory
{
    /// <param name="options">Its name and options.</param>
    /// <param name="plan">The layout.</param>
    /// <param name="settings">The settings of every planned parameter, in plan order.</param>
    /// <param name="rank">This rank.</param>
    /// <exception cref="ShardingException">There is no optimizer of that name, or a parameter is too large for it.</exception>
    public static Optimizer Create(OptimizerSettings options, PartitionPlan plan, ParameterSettings[] settings, int rank) => options.Type switch
    {
        "AdamW" => new AdamWOptimizer(options),
        "Adam" => new AdamOptimizer(),
        "SGD" => new SgdOptimizer(options),
        "RMSprop" => new RmsPropOptimizer(options),
        "Adagrad" => new AdagradOptimizer(options),
        "Lion" => new LionOptimizer(),
        "LAMB" => new LambOptimizer(plan),
        "Adafactor" => new AdafactorOptimizer(options, plan),
        "Muon" => new MuonOptimizer(options, plan, settings, rank),
        _ => throw new ShardingException(
            $"There is no optimizer \"{options.Type}\": the optimizers are {string.Join(", ", OptimizerSettings.Types)}."),
    };
}
