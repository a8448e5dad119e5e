using OrtZero.Runtime;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Runs an evaluation graph with parameters and running statistics that stay on the device from batch to batch.</summary>
internal sealed class DeviceEvaluation : IDisposable
{
    private readonly OrtSession _session;
    private readonly ZeroEngine _engine;
    private readonly CarriedStates _states;
    private readonly string[] _parameters;
    private readonly HashSet<string> _wanted;
    private OrtBinding? _binding;
    private long _bound = -1;

    internal DeviceEvaluation(OrtSession session, ZeroEngine engine, IReadOnlyList<string> parameters, CarriedStates states)
    {
        _session = session;
        _engine = engine;
        _states = states;
        _wanted = session.Inputs.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        _parameters = [.. parameters.Where(_wanted.Contains)];
    }

    /// <summary>Brings parameters and running statistics as they are now to the device.</summary>
    internal void Refresh()
    {
        _binding?.Dispose();
        _binding = _session.CreateBinding();
        foreach (var name in _parameters)
        {
            _binding.Input(name, _engine.ParameterTensor(name));
        }

        foreach (var (name, tensor) in _states.Tensors.Where(state => _wanted.Contains(state.Key)))
        {
            _binding.Input(name, tensor);
        }

        _bound = _engine.Updates;
    }

    /// <summary>The parameters were exchanged: the next run brings them anew.</summary>
    internal void Forget() => _bound = -1;

    /// <summary>Runs one batch; the caller disposes the results, which are in the order asked for.</summary>
    internal IReadOnlyList<OrtTensor> Run(IReadOnlyDictionary<string, OrtTensor> inputs, string[] outputs)
    {
        if (_bound != _engine.Updates)
        {
            Refresh();
        }

        foreach (var (name, tensor) in inputs.Where(input => _wanted.Contains(input.Key)))
        {
            _binding!.Input(name, tensor);
        }

        foreach (var output in outputs)
        {
            _binding!.OutputToCpu(output);
        }

        _binding!.SynchronizeInputs();
        _session.Run(_binding);
        var results = _binding.Outputs();
        var named = _binding.OutputNames.Zip(results).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        foreach (var other in named.Where(pair => !outputs.Contains(pair.Key)))
        {
            other.Value.Dispose();
        }

        return [.. outputs.Select(output => named[output])];
    }

    public void Dispose() => _binding?.Dispose();
}
