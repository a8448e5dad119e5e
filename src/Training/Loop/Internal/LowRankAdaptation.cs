using System.Globalization;
using System.Text;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>A model with the low-rank adapters that <c>model.lora</c> asks for, which are trained in the place of its own weights.</summary>
internal sealed class LowRankAdaptation
{
    private readonly HashSet<string> _biases;

    private LowRankAdaptation(OnnxModel model, AdapterState state, HashSet<string> biases, IReadOnlyList<string> dropouts)
    {
        Model = model;
        State = state;
        Dropouts = dropouts;
        _biases = biases;
    }

    /// <summary>The model with adapters.</summary>
    internal OnnxModel Model { get; }

    /// <summary>What checkpoints keep of them.</summary>
    internal AdapterState State { get; }

    /// <summary>The names of the nodes that drop elements of what comes into adapters.</summary>
    internal IReadOnlyList<string> Dropouts { get; }

    /// <summary>Puts adapters into a copy of the model. Null: the configuration asks for none.</summary>
    /// <exception cref="ConfigurationException">A pattern matches nothing, or what cannot have an adapter.</exception>
    internal static LowRankAdaptation? Of(TrainingConfiguration configuration, OnnxModel model, ImportReport import, string hash)
    {
        if (configuration.Model.Lora is not { } section)
        {
            return null;
        }

        var names = import.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToList();
        var sites = AdapterSites.Find(model.Graph, names);
        var choice = AdapterChoice.Of(configuration, section, sites, names);
        var taken = new NameAllocator(model.Graph);
        var adapters = choice.Targets.Select(weight => Adapter(weight, section, choice, taken)).ToList();
        var adapted = model.Clone();
        var seed = configuration.Randomness.Seed;
        var dropouts = LowRankAdapters.Insert(
            adapted, AdapterSites.Find(adapted.Graph, choice.Targets.Select(weight => weight.Name)), [.. adapters.Select(adapter => (adapter, Start(adapter, seed)))]);
        var transposed = import.Parameters.Where(parameter => parameter.Transposed && choice.Saved.Contains(parameter.Name)).Select(parameter => parameter.Name);
        var biases = section.Bias == LoraBias.LoraOnly
            ? choice.Targets.SelectMany(weight => weight.Biases).Intersect(names).ToHashSet(StringComparer.Ordinal)
            : [];
        return new LowRankAdaptation(adapted, new AdapterState(hash, section, seed, adapters, choice.Saved, [.. transposed]), biases, dropouts);
    }

    /// <summary>
    /// What A begins with: PyTorch's default for linear layers, uniform in ±1/√inputs (He et al. 2015 with a = √5). The numbers depend on the
    /// seed, the name and the place alone, so they are the same on any rank and whatever other adapters there are.
    /// </summary>
    internal static float[] Start(LowRankAdapter adapter, long seed)
    {
        // FNV-1a, because the numbers must stay the same for good.
        var stream = Encoding.UTF8.GetBytes(adapter.A).Aggregate(0xCBF29CE484222325, (hash, letter) => unchecked((hash ^ letter) * 0x100000001B3));
        var bound = 1 / Math.Sqrt(adapter.Inputs);
        var values = new float[checked((int)(adapter.Rank * adapter.Inputs))];
        for (var i = 0; i < values.Length; i++)
        {
            var uniform = (Philox.Draw((ulong)seed, stream, (ulong)i) >> 11) * (1.0 / (1L << 53));
            values[i] = (float)(((2 * uniform) - 1) * bound);
        }

        return values;
    }

    /// <summary>The parameters as the grouping rules see them: adapters behind their weights, and frozen what is not trained beside them.</summary>
    /// <param name="parameters">The model's own parameters.</param>
    internal IReadOnlyList<ParameterDescription> Describe(IReadOnlyList<ParameterDescription> parameters)
    {
        var own = State.Adapters.SelectMany(adapter => (string[])[adapter.A, adapter.B]).ToList();
        var added = ParameterDescription.Describe(Model, parameters.Select(parameter => parameter.Name).Concat(own)).ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        var beside = State.Adapters.ToDictionary(adapter => adapter.Weight, StringComparer.Ordinal);
        var described = new List<ParameterDescription>();
        foreach (var parameter in parameters)
        {
            if (beside.TryGetValue(parameter.Name, out var adapter))
            {
                var scale = adapter.Scale.ToString("0.######", CultureInfo.InvariantCulture);
                described.Add(parameter with { FrozenReason = $"Frozen beside its adapter (model.lora, rank {adapter.Rank}, scale {scale})." });
                described.Add(added[adapter.A]);
                described.Add(added[adapter.B]);
            }
            else
            {
                described.Add(IsTrained(parameter) ? parameter : parameter with { FrozenReason = "Frozen, because model.lora trains adapters." });
            }
        }

        return described;
    }

    /// <summary>The import report with the adapters among the parameters and a sentence about them.</summary>
    internal ImportReport Report(ImportReport import, ParameterGroupTable groups)
    {
        var trained = groups.Parameters.Where(parameter => !parameter.Frozen).Sum(Elements);
        var all = groups.Parameters.Sum(Elements);
        var own = State.Adapters.SelectMany(adapter => (string[])[adapter.A, adapter.B]).Select(name => new ImportedParameter(name, name, false, true));
        return import.With(
            own,
            string.Create(CultureInfo.InvariantCulture, $"model.lora puts adapters beside {State.Adapters.Count} weights; {trained:N0} of {all:N0} elements are trained ({100.0 * trained / all:0.##} %)."));

        static long Elements(ParameterSettings parameter) => parameter.Shape.Aggregate(1L, (count, length) => count * length);
    }

    /// <summary>Adds the adapters to the weights of a copy of the base model.</summary>
    /// <param name="model">The copy, changed in place.</param>
    /// <param name="state">What is known of the adapters.</param>
    /// <param name="trained">The trained values of a parameter; null for one that was not trained.</param>
    internal static void Merge(OnnxModel model, AdapterState state, Func<string, float[]?> trained)
    {
        // What a pattern of model.frozen keeps from being trained is what it began with; a B of zeros adds nothing.
        var values = state.Adapters.SelectMany(adapter => new[]
        {
            KeyValuePair.Create(adapter.A, trained(adapter.A) ?? Start(adapter, state.Seed)),
            KeyValuePair.Create(adapter.B, trained(adapter.B) ?? new float[adapter.Outputs * adapter.Rank]),
        }).ToDictionary(StringComparer.Ordinal);
        LowRankAdapters.Merge(model, state.Adapters, name => values[name]);
    }

    private bool IsTrained(ParameterDescription parameter) =>
        State.Saved.Contains(parameter.Name) || _biases.Contains(parameter.Name)
        || (State.Settings.Bias == LoraBias.All && (parameter.IsBias || parameter.LeafName.Contains("bias", StringComparison.Ordinal)));

    private static LowRankAdapter Adapter(AdaptableWeight weight, LoraSection section, AdapterChoice choice, NameAllocator taken)
    {
        var module = AdapterChoice.ModuleOf(weight.Name);
        var rank = choice.Rank(weight) ?? section.R;
        var alpha = choice.Alpha(weight) ?? section.LoraAlpha;
        return new LowRankAdapter
        {
            Weight = weight.Name,
            Module = module,
            A = taken.Unique($"{module}.lora_A.weight"),
            B = taken.Unique($"{module}.lora_B.weight"),
            Inputs = weight.Inputs,
            Outputs = weight.Outputs,
            Rank = rank,
            Alpha = alpha,
            Scale = alpha / (section.UseRslora ? Math.Sqrt(rank) : rank),
            Dropout = section.LoraDropout,
            IsTransposed = weight.IsTransposed,
        };
    }
}
