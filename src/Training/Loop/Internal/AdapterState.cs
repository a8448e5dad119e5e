using OrtZero.Autograd;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>What a checkpoint keeps of low-rank adapters beside their values, which belong to one base model only.</summary>
/// <param name="BaseHash">SHA-256 of the base model's file.</param>
/// <param name="Settings">What was asked for.</param>
/// <param name="Seed">What every A began with follows from it.</param>
/// <param name="Adapters">The adapters.</param>
/// <param name="Saved">The parameters that are trained whole because of modules_to_save.</param>
/// <param name="Transposed">Trained parameters whose values lie transposed relative to the module's.</param>
internal sealed record AdapterState(
    string BaseHash, LoraSection Settings, long Seed, IReadOnlyList<LowRankAdapter> Adapters, IReadOnlyList<string> Saved, IReadOnlyList<string> Transposed)
{
    /// <summary>Requires that the base model is the one the adapters were trained beside.</summary>
    /// <param name="checkpoint">The checkpoint, for the error.</param>
    /// <param name="model">The file that is there.</param>
    /// <param name="hash">Its SHA-256.</param>
    /// <exception cref="CheckpointException">It is another.</exception>
    internal void RequireBase(string checkpoint, string model, string hash)
    {
        if (hash != BaseHash)
        {
            throw new CheckpointException(
                $"{checkpoint} holds adapters for a base model with the SHA-256 {BaseHash[..12]}…, but {model} has {hash[..12]}…: put the model there that they were trained beside.");
        }
    }
}
