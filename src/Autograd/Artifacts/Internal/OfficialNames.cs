namespace OrtZero.Autograd.Internal;

/// <summary>
/// The names onnxblock generates, <c>onnx::token::n</c>: every call counts n up, so that of a value depends on the blocks built before it
/// (_graph_utils.py, loss/loss.py, optim/optim.py).
/// </summary>
internal sealed class OfficialNames
{
    private int _count;

    private OfficialNames(int count) => _count = count;

    /// <summary>What the loss is called. Null: it is an output of the model and has its name.</summary>
    public string? Loss { get; private init; }

    /// <summary>The names after those of a loss.</summary>
    public static OfficialNames After(LossOptions loss) => loss switch
    {
        { Others.Count: > 0 } => OfLoss("loss", 1),
        { Type: LossType.CrossEntropy } => OfLoss("loss", 2, 2),
        { Type: LossType.MeanSquaredError } => OfLoss("reducemean_output", 6),
        { Type: LossType.L1 } => OfLoss("reducemean_output", 5),
        { Type: LossType.BinaryCrossEntropy } => OfLoss("reducemean_output", 23),
        { Type: LossType.ModelOutput } => new OfficialNames(0),
        _ => OfLoss("loss", 1),
    };

    /// <summary>The next name.</summary>
    public string Next(string token) => $"onnx::{token}::{++_count}";

    // Behind the name of the value comes that of its node, and before that one a cross-entropy names its log probabilities.
    private static OfficialNames OfLoss(string token, int number, int behind = 1) => new(number + behind) { Loss = $"onnx::{token}::{number}" };
}
