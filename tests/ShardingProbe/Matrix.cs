using System.Runtime.InteropServices;
using OrtZero.Mpi;
using OrtZero.Sharding;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.ShardingProbe;

/// <summary>
/// Trains every cell twice, sharded over the ranks and alone in this process, and compares every parameter bit for bit. Gradients are
/// multiples of 1/256, whose sums are exact in any order, so nothing but the sharding itself can make a difference.
/// </summary>
internal static class Matrix
{
    private const int Updates = 4;
    private const double LargestGradient = 3;

    public static void Run(ICommunicator ranks)
    {
        foreach (var (name, model) in Models())
        {
            foreach (var stage in (int[])[0, 1, 2, 3])
            {
                Compare(ranks, name, model, stage, overlap: true, deterministic: false);
            }
        }

        var mixed = new TestModel(Models().First().Model.Rules);
        for (var stage = 0; stage <= 3; stage++)
        {
            Compare(ranks, "without overlap", mixed, stage, overlap: false, deterministic: false);
            if (int.IsPow2(ranks.Size))
            {
                var inexact = new TestModel(mixed.Rules) { InexactSums = true };
                Compare(ranks, "deterministic sums", inexact, stage, overlap: true, deterministic: true);
            }

            foreach (var wire in (WireFormat[])[WireFormat.Float16, WireFormat.Bfloat16])
            {
                CompareRounded(ranks, new TestModel(mixed.Rules) { InexactSums = true }, stage, wire);
            }
        }

        SettingsDiffer(ranks);
    }

    private static IEnumerable<(string Name, TestModel Model)> Models()
    {
        yield return ("kinds and custom keys", new TestModel(new ParamwiseRules
        {
            NormDecayMult = 0,
            BiasDecayMult = 0,
            BiasLrMult = 2,
            CustomKeys = new Dictionary<string, CustomKeyRule>
            {
                ["vision."] = new() { LrMult = 0.1 },
                ["language.embed"] = new() { LrMult = 0.5, DecayMult = 0, Beta1 = 0.8, Beta2 = 0.99, Epsilon = 1e-6 },
            },
        }));
        yield return ("lr", Keys("projector.", new() { Lr = 0.5 }));
        yield return ("weight_decay", Keys("language.head", new() { WeightDecay = 1.5 }));
        yield return ("betas", Keys("vision.embed", new() { Beta1 = 0.2, Beta2 = 0.5 }));
        yield return ("frozen", new TestModel(null, frozen: ["vision.norm.", "language.head"]));

        // One element lies in one block of one rank; the others have nothing of its group.
        yield return ("a group of one element", Keys("language.scale", new() { LrMult = 10, DecayMult = 3 }));
        yield return ("fewer elements than ranks", new TestModel(parameters: [("a", [1], ParameterKind.Linear), ("b", [2], ParameterKind.Bias)]) { GatheredFrom = 1 });
    }

    private static TestModel Keys(string key, CustomKeyRule rule) =>
        new(new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { [key] = rule } });

    private static void Compare(ICommunicator ranks, string name, TestModel model, int stage, bool overlap, bool deterministic)
    {
        try
        {
            var (alone, aloneMeasured) = Alone(ranks.Size, model, deterministic);
            var (sharded, shardedMeasured) = Train(ranks, model, stage, overlap, deterministic);
            TestModel.AssertSameBits(alone, sharded);
            Assert.Equal(aloneMeasured, shardedMeasured);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{name} at stage {stage}: {exception.Message}", exception);
        }

        Tell(ranks, $"{name} at stage {stage}");
    }

    // Every number of another rank is rounded once, a micro-batch at a time from stage 2 on.
    private static void CompareRounded(ICommunicator ranks, TestModel model, int stage, WireFormat wire)
    {
        var count = 2 * ranks.Size;
        using var engine = model.Engine(ranks, stage, bucket: 1000, wire: wire);
        model.Accumulate(engine, 0, count);
        var bound = (wire == WireFormat.Float16 ? Math.Pow(2, -11) : Math.Pow(2, -8)) * LargestGradient * count;
        var worst = 0.0;
        foreach (var (name, gradient) in engine.GatherGradients(count))
        {
            worst = Math.Max(worst, gradient.Zip(model.Mean(name, 0, count), (value, exact) => Math.Abs(value - exact) * count).DefaultIfEmpty().Max());
        }

        Assert.InRange(worst, ranks.Size == 1 ? 0 : bound / 100, bound);
        engine.Step(model.Settings(count));
        foreach (var (name, values) in model.Snapshot(engine))
        {
            var all = ranks.AllGatherVariable(MemoryMarshal.AsBytes(values.AsSpan()));
            Assert.All(all, other => Assert.True(other.AsSpan().SequenceEqual(all[0]), $"{name} differs between ranks."));
        }

        Tell(ranks, $"{wire} at stage {stage}");
    }

    private static void SettingsDiffer(ICommunicator ranks)
    {
        if (ranks.Size == 1)
        {
            return;
        }

        var odd = ranks.Rank == ranks.Size - 1;
        var model = odd ? Keys("projector.weight", new() { Lr = 0.25 }) : Keys("projector.weight", new() { Lr = 0.5 });
        var failure = Assert.Throws<ShardingException>(() => model.Engine(ranks, 1));
        Assert.Contains("Rank 0 has parameter 'projector.weight' [37, 53] at ", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"where rank {ranks.Size - 1} has parameter 'projector.weight' [37, 53] at ", failure.Message, StringComparison.Ordinal);
        Assert.Contains("with lr 0.25", failure.Message, StringComparison.Ordinal);
        Tell(ranks, "settings that differ");
    }

    private static (Dictionary<string, float[]> Parameters, string Measured) Alone(int worldSize, TestModel model, bool deterministic)
    {
        using var single = new SingleProcessCommunicator();
        return Train(single, model, stage: 0, overlap: false, deterministic, microBatches: 2 * worldSize);
    }

    private static (Dictionary<string, float[]> Parameters, string Measured) Train(
        ICommunicator ranks, TestModel model, int stage, bool overlap, bool deterministic, int? microBatches = null)
    {
        var count = microBatches ?? 2 * ranks.Size;
        using var engine = model.Engine(ranks, stage, bucket: 1000, overlap, deterministic);
        engine.KeepStart();
        for (var update = 0; update < Updates; update++)
        {
            model.Accumulate(engine, update, count);
            engine.Step(model.Settings(count, maxNorm: 10, 1 - (0.1 * update)) with { Measure = update == Updates - 1 });
        }

        // "R" and records write every bit of a float64.
        return (model.Snapshot(engine), string.Join('\n', engine.Measurements.Select(group => $"{group}").Concat(engine.DistancesFromStart().Select(distance => $"{distance}"))));
    }

    private static void Tell(ICommunicator ranks, string cell)
    {
        if (ranks.Rank == 0)
        {
            Console.WriteLine(cell);
        }
    }
}
