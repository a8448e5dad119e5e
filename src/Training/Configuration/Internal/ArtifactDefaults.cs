using OrtZero.Autograd;
using OrtZero.Onnx;

namespace OrtZero.Training.Internal;

/// <summary>Fills in what a configuration leaves to official training artifacts.</summary>
internal static class ArtifactDefaults
{
    /// <summary>The rate of the official runtime where nobody sets one; it is not stored in artifacts.</summary>
    private const double OfficialRate = 1e-3;

    /// <summary>Reads the artifacts; what is wrong with them is added to the problems.</summary>
    public static TrainingConfiguration Apply(TrainingConfiguration configuration, ConfigurationNode root, ConfigurationProblems problems)
    {
        if (configuration.Model is not { Artifacts: { } folder } model)
        {
            return configuration;
        }

        try
        {
            var artifacts = OfficialArtifacts.Load(folder);
            var output = artifacts.ToForwardModel().Graph.Output[0].Name;
            return configuration with
            {
                Model = model with
                {
                    Path = artifacts.Evaluation.Path!,
                    Loss = [new LossSection { Type = LossKind.ModelOutput, Output = output }],
                },
                OptimWrapper = configuration.OptimWrapper ?? Wrapper(artifacts, folder),
            };
        }
        catch (Exception exception) when (exception is ArtifactException or OnnxFormatException or IOException or UnauthorizedAccessException)
        {
            problems.Add(root.Members["model"].Members["artifacts"].Place, "model.artifacts", $"cannot be used: {exception.Message}");
            return configuration;
        }
    }

    private static OptimWrapperSection Wrapper(OfficialArtifacts artifacts, string folder)
    {
        var optimizer = artifacts.ReadOptimizer()
            ?? throw new ArtifactException($"{folder} has no optimizer model; put optimizer_model.onnx there or add optim_wrapper to the configuration.");
        var stored = artifacts.Checkpoint.OptimizerGroups.Select(group => (double)group.InitialLearningRate).FirstOrDefault();
        var rate = stored > 0 ? stored : OfficialRate;
        return new OptimWrapperSection
        {
            Optimizer = optimizer.Kind == OfficialOptimizerKind.Sgd
                ? new OptimizerSection { Type = OptimizerKind.Sgd, Lr = rate, Official = optimizer }
                : new OptimizerSection
                {
                    Type = OptimizerKind.AdamW,
                    Lr = rate,
                    Betas = new Betas(optimizer.Beta1, optimizer.Beta2),
                    Eps = new Epsilons(optimizer.Epsilon, null),
                    WeightDecay = optimizer.WeightDecay,
                    Official = optimizer,
                },
            ClipGrad = optimizer.MaxNorm is { } maxNorm ? new ClipGradSection { MaxNorm = maxNorm } : null,
        };
    }
}
