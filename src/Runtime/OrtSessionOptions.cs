using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// How sessions are built. A session copies the settings when it opens; changing or disposing the options afterwards does
/// not touch it. Custom operator domains stay alive as long as the options or any session made with them.
/// </summary>
public sealed unsafe class OrtSessionOptions : IDisposable
{
    private readonly OrtEnvironment _environment;
    private readonly OrtHandle _handle;

    /// <summary>Creates options with ONNX Runtime's defaults.</summary>
    public OrtSessionOptions(OrtEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        _environment = environment;
        nint options;
        environment.Api.Check(environment.Api.CreateSessionOptions(&options));
        _handle = new OrtHandle(environment.Api, OrtFunction.ReleaseSessionOptions, options);
    }

    /// <summary>Threads that share the work of one node; 0, the default, means one per physical core.</summary>
    public int IntraOpThreads
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            using var options = Lease();
            _handle.Api.Check(_handle.Api.SetIntraOpNumThreads(options.Value, value));
            field = value;
        }
    }

    /// <summary>
    /// Nodes that may run at the same time. 0 and 1 mean one after the other in a fixed order; more switches ONNX Runtime
    /// to its parallel executor, and then custom kernels must be ready to be called at the same time.
    /// </summary>
    public int InterOpThreads
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            const int sequential = 0, parallel = 1;
            using var options = Lease();
            _handle.Api.Check(_handle.Api.SetInterOpNumThreads(options.Value, value));
            _handle.Api.Check(_handle.Api.SetSessionExecutionMode(options.Value, value > 1 ? parallel : sequential));
            field = value;
        }
    }

    /// <summary>How much the graph may be rewritten; <see cref="GraphOptimizationLevel.All"/> by default.</summary>
    public GraphOptimizationLevel GraphOptimizationLevel
    {
        get;
        set
        {
            using var options = Lease();
            _handle.Api.Check(_handle.Api.SetSessionGraphOptimizationLevel(options.Value, (int)value));
            field = value;
        }
    } = GraphOptimizationLevel.All;

    /// <summary>Whether CPU tensors come from an arena that keeps freed memory for reuse; true by default.</summary>
    public bool CpuMemoryArena
    {
        get;
        set
        {
            using var options = Lease();
            _handle.Api.Check(value ? _handle.Api.EnableCpuMemArena(options.Value) : _handle.Api.DisableCpuMemArena(options.Value));
            field = value;
        }
    } = true;

    /// <summary>Whether memory is planned ahead from the shapes of earlier runs; true by default.</summary>
    public bool MemoryPattern
    {
        get;
        set
        {
            using var options = Lease();
            _handle.Api.Check(value ? _handle.Api.EnableMemPattern(options.Value) : _handle.Api.DisableMemPattern(options.Value));
            field = value;
        }
    } = true;

    /// <summary>The least severe message sessions write to standard error; the environment's level by default.</summary>
    public OrtLogLevel? LogLevel
    {
        get;
        set
        {
            const int environmentLevel = -1;
            using var options = Lease();
            _handle.Api.Check(_handle.Api.SetSessionLogSeverityLevel(options.Value, value is null ? environmentLevel : (int)value));
            field = value;
        }
    }

    /// <summary>Where to write the graph as it is after optimization; null, the default, means nowhere.</summary>
    public string? OptimizedModelPath
    {
        get;
        set
        {
            using var options = Lease();
            fixed (byte* path = NativeText.Path(value ?? string.Empty))
            {
                _handle.Api.Check(_handle.Api.SetOptimizedModelFilePath(options.Value, path));
            }

            field = value;
        }
    }

    /// <summary>Whether sessions remember which provider got which node, for <see cref="OrtSession.NodePlacements"/>; false by default.</summary>
    public bool RecordNodePlacement
    {
        get;
        set
        {
            SetConfig("session.record_ep_graph_assignment_info", value ? "1" : "0");
            field = value;
        }
    }

    internal OrtHandle Handle => _handle;

    internal HandleLease Lease() => _handle.Lease(this);

    /// <summary>
    /// Switches single graph optimizers off by name, such as EliminateDropout or CommonSubexpressionElimination. Each call
    /// replaces the names of the one before.
    /// </summary>
    public void DisableOptimizers(params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        SetConfig("optimization.disable_specified_optimizers", string.Join(';', names));
    }

    /// <summary>Sets a configuration entry of ONNX Runtime (onnxruntime_session_options_config_keys.h).</summary>
    public void SetConfig(string key, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        using var options = Lease();
        fixed (byte* keyText = NativeText.Utf8(key), valueText = NativeText.Utf8(value))
        {
            _handle.Api.Check(_handle.Api.AddSessionConfigEntry(options.Value, keyText, valueText));
        }
    }

    /// <summary>
    /// Lets an execution provider take the nodes it has kernels for; the CPU takes the rest and is always present.
    /// Providers are asked in the order they were added.
    /// </summary>
    /// <param name="name">The name in <see cref="OrtLibrary.Providers"/>, or its short form ("WebGPU", "CUDA").</param>
    /// <param name="options">The provider's own options.</param>
    /// <exception cref="OrtException">The library has no such provider, or it refuses to start (missing device or driver).</exception>
    public void AddProvider(string name, IReadOnlyDictionary<string, string>? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        using var lease = Lease();
        ProviderRegistration.Append(_environment.Library, lease.Value, name, options);
    }

    /// <summary>Makes the operators of a domain known to sessions opened with these options.</summary>
    public void AddCustomOperators(CustomOperatorDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        using var options = Lease();
        using var lease = domain.Lease();
        _handle.Api.Check(_handle.Api.AddCustomOpDomain(options.Value, lease.Value));
        _handle.Retain(domain.Handle);
    }

    /// <summary>
    /// Records when each node ran; <see cref="OrtSession.EndProfiling"/> closes the JSON file, whose name is the prefix and
    /// the time.
    /// </summary>
    public void EnableProfiling(string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        using var options = Lease();
        fixed (byte* path = NativeText.Path(prefix))
        {
            _handle.Api.Check(_handle.Api.EnableProfiling(options.Value, path));
        }
    }

    /// <summary>Releases the native options. May be called again.</summary>
    public void Dispose() => _handle.Dispose();
}
