using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Makes sure that every rank shards the same parameters with the same settings. Ranks that do not would call collectives of other
/// lengths, or worse, of the same length about other parameters.
/// </summary>
internal static class SettingsAgreement
{
    /// <summary>Compares the tables of all ranks. Collective.</summary>
    /// <exception cref="ShardingException">They differ; thrown on every rank, naming the first difference.</exception>
    public static void Require(PartitionPlan plan, ParameterGroupTable groups, ICommunicator ranks, ZeroOptions options)
    {
        if (ranks.Size == 1)
        {
            return;
        }

        var lines = Lines(plan, groups, options);
        var own = Array.ConvertAll(lines, Hash);
        var all = Array.ConvertAll(
            ranks.AllGatherVariable(MemoryMarshal.AsBytes(own.AsSpan())), bytes => MemoryMarshal.Cast<byte, ulong>(bytes).ToArray());
        var other = Array.FindIndex(all, hashes => !hashes.AsSpan().SequenceEqual(all[0]));
        if (other < 0)
        {
            return;
        }

        var first = Enumerable.Range(0, Math.Max(all[0].Length, all[other].Length))
            .First(index => index >= all[0].Length || index >= all[other].Length || all[0][index] != all[other][index]);
        var texts = Agreement.Texts(ranks, first < lines.Length ? lines[first] : "nothing");
        throw new ShardingException(
            $"Rank 0 has {texts[0]} where rank {other} has {texts[other]}: give every rank the same model, configuration and program.");
    }

    private static string[] Lines(PartitionPlan plan, ParameterGroupTable groups, ZeroOptions options)
    {
        var settings = ShardedOptimizer.SettingsOf(plan, groups);
        // Machines may have their disks in different places.
        options = options with
        {
            OptimizerStateFolder = options.OptimizerStateFolder is null ? null : "a folder",
            ParameterFolder = options.ParameterFolder is null ? null : "a folder",
        };
        return
        [
            $"the options {options}",
            $"the optimizer {groups.Optimizer}",
            .. plan.Parameters.Select((parameter, index) => Line(parameter, settings[index])),
            $"buckets of {plan.Buckets.Max(bucket => bucket.Length)} elements",
        ];
    }

    private static string Line(PlannedParameter parameter, ParameterSettings settings) => string.Create(
        CultureInfo.InvariantCulture,
        $"parameter '{parameter.Name}' [{string.Join(", ", parameter.Shape)}] at {parameter.Offset} with lr {settings.LearningRate}, weight decay {settings.WeightDecay}, betas {settings.Beta1} and {settings.Beta2}, eps {settings.Epsilon}, momentum {settings.Momentum}, frozen: {settings.Frozen}");

    private static ulong Hash(string line) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(line)));
}
