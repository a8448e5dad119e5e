using OrtZero.Autograd;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>How the training graph drops elements, as <c>model.dropout</c> and <c>randomness.seed</c> say.</summary>
internal static class DropoutSettings
{
    /// <summary>The options, after a check that there is something to switch on.</summary>
    /// <exception cref="ConfigurationException">The model has no Dropout.</exception>
    internal static DropoutOptions Of(TrainingConfiguration configuration, PreparedModel prepared)
    {
        var choice = configuration.Model.Dropout;
        return choice is not { IsOn: true } || choice.Rate == 0 || HasDropout(prepared.Base.Graph)
            ? new DropoutOptions { Seed = configuration.Randomness.Seed, IsOn = choice?.IsOn, Rate = choice?.Rate, Own = prepared.Adaptation?.Dropouts ?? [] }
            : throw new ConfigurationException(
                [$"{configuration.Path}: model.dropout switches dropouts on, but {configuration.Model.Path} has no Dropout node: export it in training mode, which keeps them, or leave the key out."]);
    }

    /// <summary>Artifacts bring a training graph of their own.</summary>
    /// <exception cref="ConfigurationException">The configuration asks for other dropouts.</exception>
    internal static void RequireNone(TrainingConfiguration configuration)
    {
        if (configuration.Model.Dropout is not null)
        {
            throw new ConfigurationException(
                [$"{configuration.Path}: model.dropout is for forward models, but the training model of model.artifacts says itself what is dropped: leave the key out, or train the forward model (model.path)."]);
        }
    }

    private static bool HasDropout(GraphProto graph) => graph.Node.Any(
        node => node is { OpType: "Dropout", Domain: "" or "ai.onnx" } || node.Attribute.Any(attribute => attribute.G is { } inner && HasDropout(inner)));
}
