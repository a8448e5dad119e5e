namespace OrtZero.Training.Internal;

/// <summary>eta_min, or eta_min_ratio of a group's own rate.</summary>
internal readonly record struct LowestRate(PerGroup? Absolute, double? Ratio)
{
    public double Of(int group, double initial) => Ratio is { } ratio ? initial * ratio : Absolute?.Of(group) ?? 0;
}
