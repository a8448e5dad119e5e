using OrtZero.Onnx;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// A model ready to run. Runs may come from several threads at once. ONNX Runtime runs every node of the graph, whether or
/// not somebody asked for what it computes; see <see cref="CustomOperator"/> for what its optimizers remove beforehand.
/// </summary>
public sealed unsafe class OrtSession : IDisposable
{
    /// <summary>Larger models do not fit into one protobuf message (2^31 - 1 bytes) and go through a file.</summary>
    private const long InMemoryLimit = 1800L << 20;

    // Two first sessions with operators of one domain at once both add it to ONNX Runtime's map of domains, and the second fails.
    private static readonly Lock s_creation = new();

    private readonly OrtApi _api;
    private readonly OrtHandle _handle;

    private OrtSession(OrtHandle handle, nint session)
    {
        _api = handle.Api;
        _handle = handle;
        Signature = SessionSignature.Read(_api, session);
    }

    /// <summary>The inputs that must be given, in the model's order; -1 stands for symbolic axes.</summary>
    public IReadOnlyList<ValueDescription> Inputs => Signature.Inputs;

    /// <summary>The outputs in the model's order; -1 stands for symbolic or unknown axes.</summary>
    public IReadOnlyList<ValueDescription> Outputs => Signature.Outputs;

    internal SessionSignature Signature { get; }

    /// <summary>Opens a model given as the bytes of an .onnx file without external data.</summary>
    /// <exception cref="OrtException">The bytes are no model, or ONNX Runtime cannot run it.</exception>
    public static OrtSession Open(OrtEnvironment environment, ReadOnlySpan<byte> model, OrtSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        if (model.IsEmpty)
        {
            throw new OrtException(OrtErrorCode.InvalidProtobuf, "The model has no bytes; give the content of an .onnx file.");
        }

        fixed (byte* bytes = model)
        {
            return Create(environment, options, bytes, model.Length, isPath: false);
        }
    }

    /// <summary>Opens a model file; its external data is read from beside it.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="OrtException">The file is no model, or ONNX Runtime cannot run it.</exception>
    public static OrtSession Open(OrtEnvironment environment, string path, OrtSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"The model file '{path}' does not exist.", path);
        }

        fixed (byte* text = NativeText.Path(path))
        {
            return Create(environment, options, text, 0, isPath: true);
        }
    }

    /// <summary>Opens a model in memory; one too large for a single message goes through a temporary folder.</summary>
    /// <exception cref="OrtException">ONNX Runtime cannot run the model.</exception>
    public static OrtSession Open(OrtEnvironment environment, OnnxModel model, OrtSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(model);
        return Open(environment, model, options, InMemoryLimit);
    }

    /// <summary>Runs the model on these inputs; the caller disposes the results.</summary>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <param name="outputs">The outputs wanted, in that order; all of them if null.</param>
    /// <param name="options">Settings of this run.</param>
    /// <exception cref="OrtException">A name, type or shape is wrong, or a node failed.</exception>
    public IReadOnlyList<OrtTensor> Run(
        IReadOnlyDictionary<string, OrtTensor> inputs, IReadOnlyList<string>? outputs = null, OrtRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var names = outputs ?? [.. Outputs.Select(output => output.Name)];
        return RunResults.ToTensors(RunRaw(inputs, names, options), i => names[i]);
    }

    /// <summary>Runs the model on what the binding holds. Nothing is copied or allocated here.</summary>
    /// <exception cref="ArgumentException">The binding belongs to another session.</exception>
    /// <exception cref="OrtException">An input is not bound, or a node failed.</exception>
    public void Run(OrtBinding binding, OrtRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if (binding.Session != this)
        {
            throw new ArgumentException("The binding belongs to another session; make one with CreateBinding of this session.", nameof(binding));
        }

        using var session = _handle.Lease(this);
        using var bound = binding.Lease();
        KernelFailure.Forget();
        nint status;
        if (options is null)
        {
            status = _api.RunWithBinding(session.Value, 0, bound.Value);
        }
        else
        {
            using var runOptions = options.Lease();
            status = _api.RunWithBinding(session.Value, runOptions.Value, bound.Value);
        }

        if (status != 0)
        {
            throw _api.ToException(status, KernelFailure.Take());
        }
    }

    /// <summary>An empty binding for this session.</summary>
    public OrtBinding CreateBinding()
    {
        ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
        return new OrtBinding(this, _handle);
    }

    /// <summary>Ends profiling (<see cref="OrtSessionOptions.EnableProfiling"/>) and returns the path of the JSON file.</summary>
    public string EndProfiling()
    {
        using var session = _handle.Lease(this);
        byte* path;
        _api.Check(_api.SessionEndProfiling(session.Value, _api.Allocator, &path));
        return _api.TakeText(path);
    }

    /// <summary>
    /// Which execution provider runs each node, as it was decided when the session opened. Nodes of fused or inlined operators have
    /// the names ONNX Runtime gave them.
    /// </summary>
    /// <exception cref="OrtException">
    /// <see cref="OrtSessionOptions.RecordNodePlacement"/> was not set, or the library is older than 1.24.
    /// </exception>
    public IReadOnlyList<NodePlacement> NodePlacements()
    {
        using var session = _handle.Lease(this);
        return PlacementReader.Read(_api, session.Value);
    }

    /// <summary>Closes the session once runs and bindings are done with it. May be called again.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>The memory in which an output is computed; owned by the session.</summary>
    internal nint MemoryOfOutput(string name)
    {
        _api.Require(23, "Leaving an output on its device");
        using var session = _handle.Lease(this);
        var memories = stackalloc nint[Outputs.Count];
        _api.Check(_api.SessionGetMemoryInfoForOutputs(session.Value, memories, (nuint)Outputs.Count));
        for (var i = 0; i < Outputs.Count; i++)
        {
            if (Outputs[i].Name == name)
            {
                return memories[i];
            }
        }

        throw new OrtException(OrtErrorCode.InvalidArgument, $"The model has no output '{name}'.");
    }

    /// <summary>Runs and returns the native values, which may be other things than tensors.</summary>
    internal OrtHandle[] RunRaw(IReadOnlyDictionary<string, OrtTensor> inputs, IReadOnlyList<string> outputs, OrtRunOptions? options)
    {
        using var session = _handle.Lease(this);
        foreach (var (name, tensor) in inputs)
        {
            ArgumentNullException.ThrowIfNull(tensor, name);
            Signature.CheckInput(name, tensor);
        }

        Signature.CheckComplete(inputs);
        foreach (var name in outputs)
        {
            Signature.CheckOutput(name, null);
        }

        using var call = new RunArguments(_api, inputs, outputs);
        KernelFailure.Forget();
        nint status;
        if (options is null)
        {
            status = call.Run(session.Value, 0);
        }
        else
        {
            using var runOptions = options.Lease();
            status = call.Run(session.Value, runOptions.Value);
        }

        return status == 0 ? call.TakeResults() : throw _api.ToException(status, KernelFailure.Take());
    }

    /// <summary>Opens a model in memory, through a folder if its tensors take more than <paramref name="limit"/> bytes.</summary>
    internal static OrtSession Open(OrtEnvironment environment, OnnxModel model, OrtSessionOptions? options, long limit) =>
        ModelSize.Estimate(model.Graph) <= limit
            ? Open(environment, model.ToBytes(), options)
            : OpenThroughFolder(environment, model, options);

    private static OrtSession OpenThroughFolder(OrtEnvironment environment, OnnxModel model, OrtSessionOptions? options)
    {
        var folder = Directory.CreateTempSubdirectory("ortzero-session-");
        try
        {
            var path = Path.Combine(folder.FullName, "model.onnx");
            model.Save(path, new ExternalDataOptions());
            return Open(environment, path, options);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static OrtSession Create(OrtEnvironment environment, OrtSessionOptions? options, byte* model, long length, bool isPath)
    {
        if (options is null)
        {
            using var defaults = new OrtSessionOptions(environment);
            return Create(environment, defaults, model, length, isPath);
        }

        var api = environment.Api;
        using var environmentLease = environment.Lease();
        using var optionsLease = options.Lease();
        nint session;
        nint status;
        KernelFailure.Forget();
        lock (s_creation)
        {
            status = isPath
                ? api.CreateSession(environmentLease.Value, model, optionsLease.Value, &session)
                : api.CreateSessionFromArray(environmentLease.Value, model, (nuint)length, optionsLease.Value, &session);
        }

        if (status != 0)
        {
            throw api.ToException(status, KernelFailure.Take());
        }

        // The session runs operators of the domains in its options, so it keeps these and the environment alive.
        var handle = new OrtHandle(api, OrtFunction.ReleaseSession, session, [environment.Handle, .. options.Handle.Retained()]);
        try
        {
            return new OrtSession(handle, session);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
