namespace OrtZero.Sharding.Internal;

/// <summary>The states of the optimizers of Adam's family.</summary>
internal static class AdamStates
{
    public static readonly string[] Names = ["exp_avg", "exp_avg_sq"];
}
