using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>The arrays of names and values of one call of Run, which keep every tensor alive during it.</summary>
internal sealed unsafe class RunArguments : IDisposable
{
    private readonly OrtApi _api;
    private readonly List<SafeHandle> _leased = [];
    private readonly nint[] _inputNames;
    private readonly nint[] _inputValues;
    private readonly nint[] _outputNames;
    private readonly nint[] _outputValues;

    public RunArguments(OrtApi api, IReadOnlyDictionary<string, OrtTensor> inputs, IReadOnlyList<string> outputs)
    {
        _api = api;
        _inputNames = new nint[inputs.Count];
        _inputValues = new nint[inputs.Count];
        _outputNames = new nint[outputs.Count];
        _outputValues = new nint[outputs.Count];
        try
        {
            var i = 0;
            foreach (var (name, tensor) in inputs)
            {
                var value = tensor.Value(api);
                var added = false;
                value.DangerousAddRef(ref added);
                _leased.Add(value);
                _inputValues[i] = value.DangerousGetHandle();
                _inputNames[i++] = Marshal.StringToCoTaskMemUTF8(name);
            }

            for (i = 0; i < outputs.Count; i++)
            {
                _outputNames[i] = Marshal.StringToCoTaskMemUTF8(outputs[i]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public nint Run(nint session, nint options)
    {
        fixed (nint* inputNames = _inputNames, inputValues = _inputValues, outputNames = _outputNames, outputValues = _outputValues)
        {
            return _api.Run(
                session,
                options,
                (byte**)inputNames,
                inputValues,
                (nuint)_inputNames.Length,
                (byte**)outputNames,
                (nuint)_outputNames.Length,
                outputValues);
        }
    }

    public OrtHandle[] TakeResults() => Array.ConvertAll(_outputValues, value => new OrtHandle(_api, OrtFunction.ReleaseValue, value));

    public void Dispose()
    {
        foreach (var value in _leased)
        {
            value.DangerousRelease();
        }

        _leased.Clear();
        foreach (var name in _inputNames.Concat(_outputNames))
        {
            Marshal.FreeCoTaskMem(name);
        }

        Array.Clear(_inputNames);
        Array.Clear(_outputNames);
    }
}
