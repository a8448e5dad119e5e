namespace OrtZero.Training;

/// <summary>What the trained model makes of one validation sample.</summary>
/// <param name="Picture">The sample's picture, a line per two rows of pixels. Empty: there is none.</param>
/// <param name="Predicted">The text the model writes, token by token.</param>
/// <param name="Expected">The text of the sample's labels.</param>
public sealed record SamplePrediction(IReadOnlyList<string> Picture, string Predicted, string Expected);
