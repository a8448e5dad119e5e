namespace OrtZero.Sharding.Internal;

/// <summary>Makes the optimizer that a configuration names.</summary>
internal static class OptimizerFactory
{
    /// <exception cref="ShardingException">There is no optimizer of that name.</exception>
    public static Optimizer Create(OptimizerSettings options, PartitionPlan plan, ParameterSettings[] settings) => options.Type switch
    {
        "AdamW" => new AdamWOptimizer(),
        "Adam" => new AdamOptimizer(),
        "SGD" => new SgdOptimizer(options),
        "RMSprop" => new RmsPropOptimizer(options),
        "Adagrad" => new AdagradOptimizer(options),
        "Lion" => new LionOptimizer(),
        "LAMB" => new LambOptimizer(plan),
        "Adafactor" => new AdafactorOptimizer(options, plan),
        "Muon" => new MuonOptimizer(options, plan, settings),
        _ => throw new ShardingException(
            $"There is no optimizer \"{options.Type}\": the optimizers are {string.Join(", ", OptimizerSettings.Types)}."),
    };
}
