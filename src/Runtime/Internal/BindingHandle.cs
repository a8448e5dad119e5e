using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>A native binding together with the values it may touch, which it keeps alive until they are replaced.</summary>
internal sealed class BindingHandle : OrtHandle
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, SafeHandle?> _inputs = new(StringComparer.Ordinal);
    private readonly List<string> _outputNames = [];
    private readonly List<SafeHandle?> _outputs = [];

    public BindingHandle(OrtApi api, nint handle, OrtHandle session)
        : base(api, OrtFunction.ReleaseIoBinding, handle, session)
    {
    }

    /// <summary>The bound outputs in ONNX Runtime's order: that of their first binding.</summary>
    public IReadOnlyList<string> OutputNames => _outputNames;

    public IReadOnlyList<SafeHandle?> HeldOutputs() => _outputs;

    public void Hold(bool isInput, string name, SafeHandle? value)
    {
        var added = false;
        value?.DangerousAddRef(ref added);
        lock (_lock)
        {
            SafeHandle? previous = null;
            if (isInput)
            {
                _inputs.TryGetValue(name, out previous);
                _inputs[name] = value;
            }
            else if (_outputNames.IndexOf(name) is var i and >= 0)
            {
                previous = _outputs[i];
                _outputs[i] = value;
            }
            else
            {
                _outputNames.Add(name);
                _outputs.Add(value);
            }

            previous?.DangerousRelease();
        }
    }

    public void DropAll()
    {
        lock (_lock)
        {
            foreach (var value in _inputs.Values.Concat(_outputs))
            {
                value?.DangerousRelease();
            }

            _inputs.Clear();
            _outputs.Clear();
            _outputNames.Clear();
        }
    }

    protected override bool ReleaseHandle()
    {
        var released = base.ReleaseHandle();
        DropAll();
        return released;
    }
}
