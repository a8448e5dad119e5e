using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>Settings of single runs; lets another thread stop a run.</summary>
public sealed unsafe class OrtRunOptions : IDisposable
{
    private readonly OrtHandle _handle;

    /// <summary>Creates options with ONNX Runtime's defaults.</summary>
    public OrtRunOptions(OrtEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        nint options;
        environment.Api.Check(environment.Api.CreateRunOptions(&options));
        _handle = new OrtHandle(environment.Api, OrtFunction.ReleaseRunOptions, options);
    }

    internal HandleLease Lease() => _handle.Lease(this);

    /// <summary>
    /// Ends every run that uses these options as soon as its current node is done; the run throws <see cref="OrtException"/>.
    /// Later runs with these options end at once until <see cref="Reset"/>.
    /// </summary>
    public void Terminate()
    {
        using var options = Lease();
        _handle.Api.Check(_handle.Api.RunOptionsSetTerminate(options.Value));
    }

    /// <summary>Takes <see cref="Terminate"/> back.</summary>
    public void Reset()
    {
        using var options = Lease();
        _handle.Api.Check(_handle.Api.RunOptionsUnsetTerminate(options.Value));
    }

    /// <summary>Sets a run configuration entry of ONNX Runtime (onnxruntime_run_options_config_keys.h).</summary>
    public void SetConfig(string key, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        using var options = Lease();
        fixed (byte* keyText = NativeText.Utf8(key), valueText = NativeText.Utf8(value))
        {
            _handle.Api.Check(_handle.Api.AddRunConfigEntry(options.Value, keyText, valueText));
        }
    }

    /// <summary>Releases the native options. May be called again.</summary>
    public void Dispose() => _handle.Dispose();
}
