namespace OrtZero.Training.Internal;

/// <summary>What a checkpoint keeps of <see cref="ModelSelection"/>.</summary>
/// <param name="Best">The best models, the best first.</param>
/// <param name="StopBest">The best value for early stopping.</param>
/// <param name="Bad">Validations without improvement since.</param>
internal sealed record SelectionState(IReadOnlyList<BestModel> Best, double? StopBest, int Bad);
