namespace OrtZero.Autograd.Internal;

/// <summary>A loss as written.</summary>
/// <param name="Loss">The scalar.</param>
/// <param name="Gradient">Its gradient with respect to the model output, in the output's shape.</param>
/// <param name="Count">What the sum behind the mean was divided by, a scalar.</param>
internal sealed record LossTerm(Value Loss, Value Gradient, Value Count);
