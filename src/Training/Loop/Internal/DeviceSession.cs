using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>
/// A session of a training graph of standard operators on the device of an execution provider. Parameters go there once per update,
/// activations stay there, and gradients are summed there over the micro-batches of an update and come back once, at its end.
/// </summary>
/// <remarks>
/// With deterministic sums, every micro-batch's gradients come back by themselves, since the order in which they are added is fixed
/// across ranks; and with buckets of several lengths, since each has a session of its own and an update may go through many.
/// </remarks>
internal sealed class DeviceSession : ITrainingSession
{
    private readonly ZeroEngine _engine;
    private readonly InputBuffers _inputs;
    private readonly CarriedStates _states;
    private readonly TrainingGraph _graph;
    private readonly MicroBatchIndex _microBatch;
    private readonly LossDivisors? _divisors;
    private readonly OrtSession _session;
    private readonly OrtBinding _binding;
    private readonly string[] _parameters;
    private readonly string[] _fed;
    private readonly IReadOnlyList<DeviceGradientPass.Vector> _vectors;
    private readonly OrtTensor[] _gradients;
    private readonly OrtTensor[] _sums;
    private readonly OrtTensor _zero = OrtTensor.Zeros(TensorElementType.Float, 1);
    private readonly OrtTensor _loss = OrtTensor.Zeros(TensorElementType.Float);
    private readonly OrtTensor? _count;
    private readonly bool _accumulates;
    private long _bound = -1;

    internal DeviceSession(
        TrainingMaterials materials, ZeroEngine engine, TrainingGraph graph, IReadOnlyList<string> trained, InputBuffers inputs, CarriedStates states,
        MicroBatchIndex microBatch, LossDivisors? divisors)
    {
        (_graph, _microBatch, _divisors) = (graph, microBatch, divisors);
        _engine = engine;
        _inputs = inputs;
        _states = states;
        var configuration = materials.Configuration;
        _accumulates = configuration.OptimWrapper.AccumulativeCounts > 1 && !configuration.Randomness.Deterministic && materials.Graphs.Count == 1;
        (var model, _vectors) = DeviceGradientPass.Attach(graph, trained.ToHashSet(StringComparer.Ordinal), _accumulates);
        using var options = SessionSettings.For(model, materials, engine.Communicator, SessionSettings.TrainingLevel(configuration));
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        using var domain = KernelLibrary.CreateDomain(materials.Environment);
        options.AddCustomOperators(domain);
        _session = OrtSession.Open(materials.Environment, model, options);
        _binding = _session.CreateBinding();
        var wanted = _session.Inputs.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        _parameters = [.. graph.Parameters.Select(parameter => parameter.Name).Where(wanted.Contains)];
        _fed = [.. inputs.Tensors.Keys.Where(wanted.Contains)];
        _gradients = [.. _vectors.Select(vector => OrtTensor.Zeros(TensorElementType.Float, vector.Length))];
        _sums = new OrtTensor[_vectors.Count];
        _binding.Output(graph.LossName, _loss);
        if (graph.CountName is { } count)
        {
            _count = OrtTensor.Zeros(TensorElementType.Float);
            _binding.Output(count, _count);
        }
    }

    /// <inheritdoc/>
    public MicroBatchLoss Run(bool first, bool last)
    {
        BindParameters();
        foreach (var name in _fed)
        {
            _binding.Input(name, _inputs.Tensors[name]);
        }

        // Binding copies what a device reads, and these differ from run to run.
        _microBatch.Bind(_binding, _graph);
        _divisors?.Bind(_binding, _graph);
        _states.Bind(_binding);
        var comesBack = last || !_accumulates;
        for (var i = 0; i < _vectors.Count; i++)
        {
            if (_vectors[i].Before is { } before)
            {
                _binding.Input(before, first ? _zero : _sums[i]);
            }

            if (comesBack)
            {
                _binding.Output(_vectors[i].Output, _gradients[i]);
            }
            else
            {
                _binding.OutputToDevice(_vectors[i].Output);
            }
        }

        _binding.SynchronizeInputs();
        _session.Run(_binding);
        if (comesBack)
        {
            HandOver(first || _accumulates, last);
        }
        else
        {
            KeepSums();
        }

        return new MicroBatchLoss(_loss.Span<float>()[0], _count is null ? 1 : _count.Span<float>()[0]);
    }

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
        foreach (var tensor in _gradients.Concat(_sums))
        {
            tensor?.Dispose();
        }

        _zero.Dispose();
        _loss.Dispose();
        _count?.Dispose();
    }

    // Binding copies to the device, where the copy stays until the next.
    private void BindParameters()
    {
        if (_bound == _engine.Updates)
        {
            return;
        }

        foreach (var name in _parameters)
        {
            _binding.Input(name, _engine.ParameterTensor(name));
        }

        _bound = _engine.Updates;
    }

    private void HandOver(bool first, bool last)
    {
        _engine.BeginMicroBatch(first, last);
        for (var i = 0; i < _vectors.Count; i++)
        {
            var values = _gradients[i].Span<float>();
            foreach (var parameter in _vectors[i].Parameters)
            {
                var length = (int)parameter.Shape.Aggregate(1L, (product, axis) => product * axis);
                _engine.Accumulate(parameter.Name, values[..length]);
                values = values[length..];
            }

            ReleaseSum(i);
        }
    }

    // The tensors that the run made on the device are the next run's input.
    private void KeepSums()
    {
        var outputs = _binding.Outputs();
        var names = _binding.OutputNames;
        for (var output = 0; output < outputs.Count; output++)
        {
            var vector = _vectors.Index().FirstOrDefault(item => item.Item.Output == names[output], (Index: -1, Item: _vectors[0])).Index;
            if (vector < 0)
            {
                outputs[output].Dispose();
                continue;
            }

            _sums[vector]?.Dispose();
            _sums[vector] = outputs[output];
        }
    }

    private void ReleaseSum(int vector)
    {
        if (_sums[vector] is { } sum && _vectors[vector].Before is { } before)
        {
            _binding.Input(before, _zero);
            sum.Dispose();
            _sums[vector] = null!;
        }
    }
}
