namespace OrtZero.Autograd.Internal;

/// <summary>
/// What one consumer adds to the gradient of a value: all of it, or (<paramref name="Axis"/> not negative) the elements from
/// <paramref name="Start"/> on along one axis.
/// </summary>
internal sealed record Contribution(Value Gradient, int Axis = -1, long Start = 0);
