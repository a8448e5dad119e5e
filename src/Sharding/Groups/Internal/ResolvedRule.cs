namespace OrtZero.Sharding.Internal;

/// <summary>The outcome of the rules for one parameter.</summary>
/// <param name="Key">The custom key or the label of the group that matched, or null.</param>
/// <param name="Custom">What that sets, or null.</param>
/// <param name="Layer">The layer and the prefix it was counted below, where the rate decays by layers; or null.</param>
/// <param name="LearningRate">The rate.</param>
/// <param name="WeightDecay">The decay.</param>
/// <param name="RateMultiplier">What a rule that asks for the kind of the parameter multiplied the rate by; 1 if none did.</param>
/// <param name="DecayMultiplier">What such a rule multiplied the decay by; 1 if none did.</param>
/// <param name="Reason">Why, in one sentence.</param>
internal sealed record ResolvedRule(
    string? Key, CustomKeyRule? Custom, (string? Scope, int Number)? Layer, double LearningRate, double WeightDecay, double RateMultiplier, double DecayMultiplier, string Reason);
