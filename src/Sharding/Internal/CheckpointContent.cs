using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using OrtZero.Onnx;

namespace OrtZero.Sharding.Internal;

/// <summary>What of an engine goes into a checkpoint, and back.</summary>
internal static class CheckpointContent
{
    /// <summary>What stands before the name of a parameter's own elements.</summary>
    public const string Parameters = "parameters";

    /// <summary>What stands before the name of a parameter's moving average.</summary>
    public const string Average = "average";

    /// <summary>The name of a range's tensor in a shard: "parameters/NAME", with "[start:end]" when it is not the whole tensor, and
    /// the name of the state in place of "parameters" for optimizer state.</summary>
    public static string Key(string tensor, CheckpointRange range, bool whole) => whole
        ? $"{tensor}/{range.Parameter}"
        : string.Create(CultureInfo.InvariantCulture, $"{tensor}/{range.Parameter}[{range.Start}:{range.Start + range.Length}]");

    public static bool IsWhole(CheckpointRange range, long[] shape) =>
        range.Start == 0 && range.Length == shape.Aggregate(1L, (count, length) => count * length);

    /// <summary>This rank's shard, read from where it lies: at every stage the rank's ranges of the plan, so the ranks share the work.</summary>
    public static (List<CheckpointPiece> Pieces, List<CheckpointRange> Ranges) PiecesOf(ZeroEngine engine)
    {
        var pieces = new List<CheckpointPiece>();
        var ranges = new List<CheckpointRange>();
        var states = engine.Optimizer.StateNames;
        foreach (var stretch in Merge(engine))
        {
            var planned = engine.Plan.Parameters[stretch.Parameter];
            var range = new CheckpointRange { Parameter = planned.Name, Start = stretch.Start, Length = stretch.Length };
            ranges.Add(range);
            pieces.Add(Piece(Parameters, range, planned, (position, count) => engine.Parameters.Borrow(stretch.FlatOffset + position, count)));
            if (engine.HasAverage)
            {
                pieces.Add(Piece(Average, range, planned, (position, count) => engine.AverageSpan(stretch.ShardOffset + position, count)));
            }

            for (var index = 0; index < states.Count; index++)
            {
                var state = index;
                if (engine.Optimizer.HasState(state, stretch.Parameter))
                {
                    pieces.Add(Piece(states[state], range, planned, (position, count) =>
                        engine.Optimizer.Borrow(state, stretch.Parameter, stretch.Start + position, count)));
                }
            }
        }

        if (engine.Communicator.Rank == 0)
        {
            pieces.AddRange(engine.Optimizer.TensorStates.Select(state => new CheckpointPiece(
                $"{state.Name}/{engine.Plan.Parameters[state.Parameter].Name}",
                [state.Values.Length],
                state.Values.Length,
                (position, count) => state.Values.AsSpan((int)position, count))));
        }

        return (pieces, ranges);
    }

    /// <summary>Writes this rank's shard.</summary>
    public static CheckpointShard WriteShard(
        ZeroEngine engine, IReadOnlyList<CheckpointPiece> pieces, IReadOnlyList<CheckpointRange> ranges, string directory, DurableStorage storage,
        CancellationToken cancellation = default)
    {
        var rank = engine.Communicator.Rank;
        var file = string.Create(CultureInfo.InvariantCulture, $"shard-{rank:D5}-of-{engine.Communicator.Size:D5}.safetensors");
        var checksums = new Dictionary<string, uint>(StringComparer.Ordinal);
        var (length, checksum) = SafetensorsWriter.Write(
            storage, Path.Combine(directory, file), [.. pieces.Select(piece => Source(piece, cancellation))], metadata: null, checksums);
        return new CheckpointShard
        {
            Rank = rank,
            File = file,
            Bytes = length,
            Checksum = ManifestFile.Hexadecimal(checksum),
            Tensors = checksums.ToDictionary(pair => pair.Key, pair => ManifestFile.Hexadecimal(pair.Value), StringComparer.Ordinal),
            Ranges = ranges,
        };
    }

    /// <summary>The manifest of the engine as it is now, without its shards.</summary>
    public static CheckpointManifest Manifest(ZeroEngine engine, long step, string runState)
    {
        var groupOf = engine.Groups.Parameters.ToDictionary(settings => settings.Name, settings => settings.Group, StringComparer.Ordinal);
        using var state = JsonDocument.Parse(runState);
        return new CheckpointManifest
        {
            Format = CheckpointManifest.FormatName,
            Version = CheckpointManifest.CurrentVersion,
            Step = step,
            Updates = engine.Updates,
            AverageUpdates = engine.HasAverage ? engine.AverageUpdates : null,
            WorldSize = engine.Communicator.Size,
            Stage = engine.Stage,
            Optimizer = new CheckpointOptimizer { Type = engine.Optimizer.Type, States = StatesOf(engine) },
            Parameters = [.. engine.Plan.Parameters.Select((parameter, index) => new CheckpointParameter
            {
                Name = parameter.Name, Shape = parameter.Shape, Group = groupOf[parameter.Name], Updates = engine.Optimizer.UpdateOf(index),
            })],
            Groups = [.. engine.Groups.Groups.Select(group => new CheckpointGroup
            {
                Name = group.Name,
                LearningRate = group.LearningRate,
                WeightDecay = group.WeightDecay,
                Betas = [group.Beta1, group.Beta2],
                Epsilon = group.Epsilon,
                Momentum = group.Momentum,
            })],
            Shards = [],
            RunState = state.RootElement.Clone(),
        };
    }

    /// <summary>Refuses a checkpoint of another model, by name and shape.</summary>
    public static void CheckParameters(CheckpointReader reader, ZeroEngine engine)
    {
        foreach (var planned in engine.Plan.Parameters)
        {
            if (!reader.TryGetParameter(planned.Name, out var kept))
            {
                throw new CheckpointException(
                    $"Checkpoint '{reader.Path}' holds no parameter '{planned.Name}', which the model trains: resume with the model and the frozen list it was written with.");
            }

            if (!kept!.Shape.AsSpan().SequenceEqual(planned.Shape))
            {
                throw new CheckpointException(
                    $"Parameter '{planned.Name}' is [{string.Join(", ", kept.Shape)}] in checkpoint '{reader.Path}' but [{string.Join(", ", planned.Shape)}] in the model: resume with the model it was written with.");
            }
        }

        var unknown = reader.Manifest.Parameters.FirstOrDefault(parameter => !engine.Plan.TryIndexOf(parameter.Name, out _));
        if (unknown is not null)
        {
            throw new CheckpointException(
                $"Checkpoint '{reader.Path}' holds the parameter '{unknown.Name}', which the model does not train: resume with the model and the frozen list it was written with.");
        }
    }

    /// <summary>Reads what this rank owns, and at stage 0 the optimizer state of everything.</summary>
    public static void Restore(CheckpointReader reader, ZeroEngine engine)
    {
        foreach (var (range, settings) in engine.OwnedRanges)
        {
            var most = engine.Parameters.Stretch(range.FlatOffset);
            for (var start = 0; start < range.Length; start += Math.Min(most, range.Length - start))
            {
                var values = engine.Parameters.Borrow(range.FlatOffset + start, Math.Min(most, range.Length - start));
                reader.Read(Parameters, settings.Name, range.Start + start, values);
                engine.Parameters.Return(range.FlatOffset + start, values);
            }
        }

        RestoreAverage(reader, engine);
        var states = engine.Optimizer.StateNames;
        foreach (var range in engine.Stage > 0 ? engine.OwnedRanges.Select(owned => owned.Range) : engine.Plan.AllRanges())
        {
            var name = engine.Plan.Parameters[range.Parameter].Name;
            for (var state = 0; state < states.Count; state++)
            {
                if (engine.Optimizer.HasState(state, range.Parameter))
                {
                    RestoreState(reader, engine.Optimizer, state, name, range);
                }
            }
        }

        for (var parameter = 0; parameter < engine.Plan.Parameters.Count; parameter++)
        {
            reader.TryGetParameter(engine.Plan.Parameters[parameter].Name, out var kept);
            engine.Optimizer.Updates[parameter] = kept?.Updates ?? reader.Manifest.Updates;
        }

        foreach (var state in engine.Optimizer.TensorStates)
        {
            reader.ReadTensorState(state.Name, engine.Plan.Parameters[state.Parameter].Name, state.Values);
        }
    }

    private static void RestoreState(CheckpointReader reader, ShardedOptimizer optimizer, int state, string name, ShardRange range)
    {
        for (var start = 0; start < range.Length; start += Math.Min(optimizer.Stretch, range.Length - start))
        {
            var values = optimizer.Borrow(state, range.Parameter, range.Start + start, Math.Min(optimizer.Stretch, range.Length - start));
            reader.Read(optimizer.StateNames[state], name, range.Start + start, values);
            optimizer.Return(state, range.Parameter, range.Start + start, values);
        }
    }

    // A checkpoint without an average leaves it to begin with the parameters.
    private static void RestoreAverage(CheckpointReader reader, ZeroEngine engine)
    {
        if (!engine.HasAverage)
        {
            return;
        }

        engine.BeginAverage();
        if (reader.Manifest.AverageUpdates is { } updates)
        {
            engine.AverageUpdates = updates;
            foreach (var (range, settings) in engine.OwnedRanges)
            {
                reader.Read(Average, settings.Name, range.Start, engine.AverageSpan(range.ShardOffset, range.Length));
            }
        }
    }

    /// <summary>Refuses a checkpoint of another optimizer, whose state says nothing to this one.</summary>
    public static void CheckOptimizer(CheckpointReader reader, ZeroEngine engine)
    {
        var kept = reader.Manifest.Optimizer ?? new CheckpointOptimizer { Type = "AdamW", States = AdamStates.Names };
        if (kept.Type != engine.Optimizer.Type)
        {
            throw new CheckpointException(
                $"Checkpoint '{reader.Path}' was written by the optimizer {kept.Type}, but optim_wrapper.optimizer.type is \"{engine.Optimizer.Type}\": set it to \"{kept.Type}\", or begin a new run from the exported model.");
        }

        if (StatesOf(engine).FirstOrDefault(state => !kept.States.Contains(state)) is { } missing)
        {
            throw new CheckpointException(
                $"Checkpoint '{reader.Path}' holds no '{missing}' of the optimizer {kept.Type}, which the options of optim_wrapper.optimizer ask for: resume with the options it was written with.");
        }
    }

    private static List<string> StatesOf(ZeroEngine engine)
    {
        var optimizer = engine.Optimizer;
        var parameters = Enumerable.Range(0, engine.Plan.Parameters.Count).ToList();
        return
        [
            .. optimizer.StateNames.Where((_, state) => parameters.Exists(parameter => optimizer.HasState(state, parameter))),
            .. optimizer.TensorStates.Select(state => state.Name).Distinct(),
        ];
    }

    // Neighbouring buckets of one rank touch only when it is alone; then a tensor becomes one range again.
    private static List<Stretch> Merge(ZeroEngine engine)
    {
        var merged = new List<Stretch>();
        foreach (var (range, _) in engine.OwnedRanges)
        {
            if (merged.Count > 0 && merged[^1] is var last && last.Parameter == range.Parameter && last.Start + last.Length == range.Start)
            {
                merged[^1] = last with { Length = last.Length + range.Length };
            }
            else
            {
                merged.Add(new Stretch(range.Parameter, range.Start, range.Length, range.FlatOffset, range.ShardOffset));
            }
        }

        return merged;
    }

    private static CheckpointPiece Piece(string tensor, CheckpointRange range, PlannedParameter planned, CheckpointPiece.Stretch elements)
    {
        var whole = IsWhole(range, planned.Shape);
        return new CheckpointPiece(Key(tensor, range, whole), whole ? planned.Shape : [range.Length], range.Length, elements);
    }

    private static SafetensorsSource Source(CheckpointPiece piece, CancellationToken cancellation) => new(
        piece.Key,
        TensorElementType.Float,
        piece.Shape,
        piece.Length * sizeof(float),
        stream =>
        {
            const int Chunk = 1 << 22;
            for (var position = 0L; position < piece.Length; position += Chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                stream.Write(MemoryMarshal.AsBytes(piece.Elements(position, (int)Math.Min(Chunk, piece.Length - position))));
            }
        });

    private readonly record struct Stretch(int Parameter, long Start, long Length, long FlatOffset, long ShardOffset);
}
