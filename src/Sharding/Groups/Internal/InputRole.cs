namespace OrtZero.Sharding.Internal;

/// <summary>What an operator takes at one of its inputs.</summary>
internal enum InputRole
{
    None,
    Scale,
    Shift,
    Statistic,
    Weight,
    Bias,
    Kernel,
    KernelBias,
    RecurrentWeight,
    RecurrentBias,
    Table,
}
