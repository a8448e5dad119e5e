using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// What all sessions share. ONNX Runtime has one environment per process and counts its users, so several of these objects
/// mean the same one; the log level of the first that lives counts. Sessions keep it alive.
/// </summary>
public sealed unsafe class OrtEnvironment : IDisposable
{
    private readonly OrtHandle _handle;

    /// <summary>Enters the process's environment.</summary>
    public OrtEnvironment(OrtLibrary library, OrtLogLevel level = OrtLogLevel.Warning)
    {
        ArgumentNullException.ThrowIfNull(library);
        Library = library;
        nint environment;
        fixed (byte* name = "OrtZero"u8)
        {
            library.Api.Check(library.Api.CreateEnv((int)level, name, &environment));
        }

        _handle = new OrtHandle(library.Api, OrtFunction.ReleaseEnv, environment);
    }

    /// <summary>The library this environment belongs to.</summary>
    public OrtLibrary Library { get; }

    internal OrtApi Api => Library.Api;

    internal OrtHandle Handle => _handle;

    internal HandleLease Lease() => _handle.Lease(this);

    /// <summary>The devices that ONNX Runtime found for the providers that can tell; a provider may work without being listed.</summary>
    /// <exception cref="OrtException">The library is older than 1.22.</exception>
    public IReadOnlyList<OrtDevice> Devices()
    {
        using var environment = Lease();
        return DeviceReader.Read(Api, environment.Value);
    }

    /// <summary>Leaves the environment; it ends with its last session. May be called again.</summary>
    public void Dispose() => _handle.Dispose();
}
