using System.Text.Json;
using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>
/// Measures loss and accuracy on the validation samples, shared among the ranks. It reads the parameters where training
/// keeps them, so there is nothing to copy or to load; only at stage 3 they are made whole for as long as it takes.
/// </summary>
internal sealed class Evaluator : IDisposable
{
    private readonly TrainingMaterials _materials;
    private readonly ICommunicator _communicator;
    private readonly InputBuffers[] _inputs;
    private readonly OrtSession _session;
    private readonly DeviceEvaluation? _device;
    private readonly ZeroEngine _engine;
    private readonly CarriedStates _states;
    private readonly LossOptions[] _terms;
    private readonly string[] _losses;
    private readonly double[] _totals;
    private readonly bool _fixedBatch;
    private readonly List<BatchSampler> _samplers = [];
    private readonly int[] _samples;

    internal Evaluator(TrainingMaterials materials, ZeroEngine engine, CarriedStates states)
    {
        _materials = materials;
        _engine = engine;
        _states = states;
        _communicator = engine.Communicator;
        var configuration = materials.Configuration;
        var data = materials.Validation!;
        var model = new TrainingGraphBuilder(materials.GradientOptions).BuildEvaluation(
            materials.Model, materials.Values, materials.Loss, [.. materials.Prepared.Trainable, .. states.Tensors.Keys]);
        // Losses that count for themselves are averaged for themselves; others come as one sum.
        _terms = [.. LabelInputs.Terms(materials.Loss)];
        _terms = _terms.Length > 1 && Array.Exists(_terms, term => term.IsSum) ? _terms : [materials.Loss];
        _losses = [.. model.Graph.Output.Skip(_terms.Length > 1 ? 1 : 0).Take(_terms.Length).Select(output => output.Name)];
        _totals = new double[(2 * _terms.Length) + 3];
        _fixedBatch = BatchAxis.IsFixed(materials.Model);
        using var options = SessionSettings.For(model, materials, _communicator);
        _session = OrtSession.Open(materials.Environment, model, options);
        _device = materials.Provider.IsCpu ? null : new DeviceEvaluation(_session, engine, materials.Prepared.Trainable, states);
        var fed = _session.Inputs.Select(input => input.Name).Except(materials.Prepared.Trainable).Except(states.Tensors.Keys)
            .ToHashSet(StringComparer.Ordinal);
        _inputs = [.. data.Select(samples => materials.Buffers(samples, fed))];
        var left = configuration.Evaluation.MaxSamples ?? int.MaxValue;
        foreach (var count in data.Select(samples => Math.Min(samples.Count, left)).TakeWhile(count => count > 0))
        {
            _samplers.Add(new BatchSampler(count, _communicator.Size, _communicator.Rank, configuration.MicroBatchSize, shuffle: false, seed: 0));
            left -= count;
        }

        _samples = new int[configuration.MicroBatchSize];
    }

    /// <summary>Goes through the validation samples once. Collective.</summary>
    internal ValidationRecord Evaluate(long iteration, int epoch)
    {
        _states.Average(_communicator);
        var metric = _materials.Metric;
        var meter = metric == EvaluationMetric.None ? null : new AccuracyMeter(metric, _materials.Classification!.IgnoreIndex);
        // Losses times what they count, what they count, then samples, right predictions, all predictions.
        var totals = _totals;
        Array.Clear(totals);
        SwapAverage();
        _engine.GatherWholeParameters();
        _device?.Refresh();
        foreach (var (sampler, inputs, batch) in Batches())
        {
            var counted = sampler.Indices(0, batch, _samples);
            // A model for one batch size only cannot look at fewer samples, and repeats must not count twice.
            if (counted > 0 && !(_fixedBatch && counted < _samples.Length))
            {
                Measure(inputs, counted, meter);
                totals[^3] += counted;
            }
        }

        _engine.ReleaseWholeParameters();
        SwapAverage();
        (totals[^2], totals[^1]) = (meter?.Correct ?? 0, meter?.Total ?? 0);
        _communicator.AllReduce(totals, ReduceOperation.Sum);
        return new ValidationRecord
        {
            Iteration = iteration,
            Epoch = epoch,
            Loss = _terms.Index().Sum(term => totals[(2 * term.Index) + 1] is > 0 and var weight ? totals[2 * term.Index] / weight : 0),
            Samples = (long)totals[^3],
            Metric = meter is null ? null : JsonNamingPolicy.SnakeCaseLower.ConvertName(metric.ToString()),
            Value = meter is null ? null : totals[^2] / totals[^1],
        };
    }

    /// <summary>The model's outputs for given inputs, by the trained parameters as they are now; they must be whole.</summary>
    internal float[] Scores(IReadOnlyDictionary<string, OrtTensor> inputs)
    {
        var results = Run(inputs, [_materials.Classification?.Output ?? _materials.Loss.Output]);
        using var scores = results[0];
        return scores.Span<float>().ToArray();
    }

    // What is evaluated is the average where there is one.
    private void SwapAverage()
    {
        if (_engine.HasAverage)
        {
            _engine.SwapAverage();
            _device?.Forget();
        }
    }

    public void Dispose()
    {
        _device?.Dispose();
        _session.Dispose();
        foreach (var inputs in _inputs)
        {
            inputs.Dispose();
        }
    }

    private IEnumerable<(BatchSampler Sampler, InputBuffers Inputs, int Batch)> Batches() =>
        _samplers.Zip(_inputs).SelectMany(pair => Enumerable.Range(0, pair.First.IterationsPerEpoch).Select(batch => (pair.First, pair.Second, batch)));

    private void Measure(InputBuffers inputs, int counted, AccuracyMeter? meter)
    {
        inputs.Fill(_samples.AsSpan(0, counted));
        var feeds = inputs.Tensors.Keys.ToDictionary(name => name, name => inputs.First(name, counted), StringComparer.Ordinal);
        var classification = _materials.Classification;
        var results = Run(feeds, [.. _losses, classification?.Output ?? _materials.Loss.Output]);
        var scores = results[^1];
        if (meter is not null)
        {
            var axis = LabelInputs.Axis(classification!, scores.Shape.Count);
            meter.Add(ClassRows.Of(scores.Span<float>(), scores.Shape, axis), feeds[classification!.Labels!].Span<long>(), counted, counted);
        }

        // Means of batches weigh as the batches do, those of a global normalization as much as the labels behind them.
        foreach (var (index, term) in _terms.Index())
        {
            var weight = term.IsSum ? LabelCount.Of(term, feeds) : counted;
            _totals[2 * index] += results[index].Span<float>()[0] * weight;
            _totals[(2 * index) + 1] += weight;
        }

        foreach (var tensor in results.Concat(feeds.Values))
        {
            tensor.Dispose();
        }
    }

    private IReadOnlyList<OrtTensor> Run(IReadOnlyDictionary<string, OrtTensor> inputs, string[] outputs) =>
        _device?.Run(inputs, outputs) ?? _session.Run(With(inputs), outputs);

    private Dictionary<string, OrtTensor> With(IReadOnlyDictionary<string, OrtTensor> inputs) =>
        new(_materials.Prepared.Trainable.Select(name => KeyValuePair.Create(name, _engine.ParameterTensor(name))).Concat(_states.Tensors)
            .Concat(inputs), StringComparer.Ordinal);
}
