using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// Inputs and outputs bound once and used by every <see cref="OrtSession.Run(OrtBinding, OrtRunOptions?)"/>, which then
/// copies and allocates nothing on the CPU: an output bound to a tensor is written in place. Bound tensors stay usable
/// to the binding after they are disposed. With another execution provider an input is copied to the device when it is
/// bound, so bind it again after changing it.
/// </summary>
public sealed unsafe class OrtBinding : IDisposable
{
    private readonly OrtSession _session;
    private readonly BindingHandle _handle;
    private readonly OrtApi _api;

    internal OrtBinding(OrtSession session, OrtHandle sessionHandle)
    {
        _session = session;
        _api = sessionHandle.Api;
        nint binding;
        using var lease = sessionHandle.Lease(session);
        _api.Check(_api.CreateIoBinding(lease.Value, &binding));
        _handle = new BindingHandle(_api, binding, sessionHandle);
    }

    /// <summary>The bound outputs in the order in which they were first bound, which is that of <see cref="Outputs"/>.</summary>
    public IReadOnlyList<string> OutputNames => _handle.OutputNames;

    internal OrtSession Session => _session;

    internal HandleLease Lease() => _handle.Lease(this);

    /// <summary>Binds an input; a later call with the same name replaces it.</summary>
    /// <exception cref="OrtException">The model has no such input, or its type or shape is another.</exception>
    public void Input(string name, OrtTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(tensor);
        _session.Signature.CheckInput(name, tensor);
        using var binding = Lease();
        var value = tensor.Value(_api);
        using var valueLease = new HandleLease(value);
        fixed (byte* text = NativeText.Utf8(name))
        {
            _api.Check(_api.BindInput(binding.Value, text, valueLease.Value));
        }

        _handle.Hold(isInput: true, name, value);
    }

    /// <summary>Binds an output to a tensor of the right shape, which every run overwrites.</summary>
    /// <exception cref="OrtException">The model has no such output, or its type or shape is another.</exception>
    public void Output(string name, OrtTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(tensor);
        _session.Signature.CheckOutput(name, tensor);
        using var binding = Lease();
        var value = tensor.Value(_api);
        using var valueLease = new HandleLease(value);
        fixed (byte* text = NativeText.Utf8(name))
        {
            _api.Check(_api.BindOutput(binding.Value, text, valueLease.Value));
        }

        _handle.Hold(isInput: false, name, value);
    }

    /// <summary>Asks for an output of any shape in new CPU memory, to be read from <see cref="Outputs"/>.</summary>
    /// <exception cref="OrtException">The model has no such output.</exception>
    public void OutputToCpu(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        _session.Signature.CheckOutput(name, null);
        using var binding = Lease();
        fixed (byte* text = NativeText.Utf8(name))
        {
            _api.Check(_api.BindOutputToDevice(binding.Value, text, _api.CpuMemory));
        }

        _handle.Hold(isInput: false, name, null);
    }

    /// <summary>
    /// Leaves an output where it is computed: in the memory of the execution provider's device, or of the CPU if the CPU computes it.
    /// Every run makes a new tensor, to be taken from <see cref="Outputs"/> and bound to an input of another run.
    /// </summary>
    /// <exception cref="OrtException">The model has no such output, or the library is older than 1.23.</exception>
    public void OutputToDevice(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        _session.Signature.CheckOutput(name, null);
        using var binding = Lease();
        fixed (byte* text = NativeText.Utf8(name))
        {
            _api.Check(_api.BindOutputToDevice(binding.Value, text, _session.MemoryOfOutput(name)));
        }

        _handle.Hold(isInput: false, name, null);
    }

    /// <summary>Waits until inputs that binding copied to a device are there, after which the tensors given may change.</summary>
    public void SynchronizeInputs()
    {
        using var binding = Lease();
        _api.Check(_api.SynchronizeBoundInputs(binding.Value));
    }

    /// <summary>The results of the last run in the order in which outputs were first bound; the caller disposes them.</summary>
    /// <exception cref="OrtException">There was no run yet, or an output is not a tensor.</exception>
    public IReadOnlyList<OrtTensor> Outputs()
    {
        using var binding = Lease();
        nint* values;
        nuint count;
        _api.Check(_api.GetBoundOutputValues(binding.Value, _api.Allocator, &values, &count));
        var handles = new OrtHandle[count];
        for (nuint i = 0; i < count; i++)
        {
            handles[i] = new OrtHandle(_api, OrtFunction.ReleaseValue, values[i]);
        }

        if (values is not null)
        {
            _api.Check(_api.AllocatorFree(_api.Allocator, (nint)values));
        }

        // An output bound to a tensor shares that tensor's memory, which must live as long as the result.
        var held = _handle.HeldOutputs();
        for (var i = 0; i < handles.Length && i < held.Count; i++)
        {
            if (held[i] is { } memory && !handles[i].IsInvalid)
            {
                handles[i].Retain(memory);
            }
        }

        return RunResults.ToTensors(handles, i => i < _handle.OutputNames.Count ? _handle.OutputNames[i] : "?");
    }

    /// <summary>Forgets all bound inputs and outputs.</summary>
    public void Clear()
    {
        using var binding = Lease();
        _api.ClearBoundInputs(binding.Value);
        _api.ClearBoundOutputs(binding.Value);
        _handle.DropAll();
    }

    /// <summary>Releases the binding and its hold on tensors. May be called again.</summary>
    public void Dispose() => _handle.Dispose();
}
