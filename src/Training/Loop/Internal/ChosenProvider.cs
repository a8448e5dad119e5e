using Microsoft.Extensions.Logging;
using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>The execution provider of a run on this rank, and what sessions need to know of it.</summary>
internal sealed class ChosenProvider
{
    private const string Int64Option = "enableInt64";

    private readonly string _name;
    private readonly Dictionary<string, string> _options;

    private ChosenProvider(ExecutionProvider kind, string name, Dictionary<string, string> options)
    {
        Kind = kind;
        _name = name;
        _options = options;
    }

    internal static ChosenProvider OfCpu { get; } = new(ExecutionProvider.Cpu, ProviderCheck.Cpu, []);

    internal ExecutionProvider Kind { get; }

    internal bool IsCpu => Kind == ExecutionProvider.Cpu;

    internal OperatorTarget Target => Kind == ExecutionProvider.WebGpu ? OperatorTarget.WebGpu : OperatorTarget.Any;

    /// <summary>The provider that the configuration names, or the first that works.</summary>
    /// <exception cref="ConfigurationException">It does not work here, or cannot do what the configuration asks for.</exception>
    internal static ChosenProvider Choose(TrainingConfiguration configuration, OrtEnvironment environment, ICommunicator communicator, ILogger logger)
    {
        var execution = configuration.Execution;
        if (execution.Provider == ExecutionProvider.Cpu)
        {
            return OfCpu;
        }

        var isAuto = execution.Provider == ExecutionProvider.Auto;
        foreach (var kind in isAuto ? [ExecutionProvider.Cuda, ExecutionProvider.WebGpu] : (ReadOnlySpan<ExecutionProvider>)[execution.Provider])
        {
            var name = kind == ExecutionProvider.Cuda ? ProviderCheck.Cuda : ProviderCheck.WebGpu;
            var key = kind == ExecutionProvider.Cuda ? "cuda" : "webgpu";
            var status = ProviderCheck.Look(environment.Library, name);
            var adapter = 0;
            if (status.Works)
            {
                (var options, adapter) = Options(configuration, kind, status, communicator);
                status = isAuto && status.Adapters.Count > 0 && status.Adapters.All(found => found.IsSoftware)
                    ? status with { Problem = $"its only adapter {status.Adapters[0].Name} is a program on the processor", Fix = "name webgpu to use it all the same" }
                    : ProviderCheck.Try(environment, name, options);
                if (status.Works)
                {
                    if (communicator.Rank == 0)
                    {
                        var device = status.Adapters.ElementAtOrDefault(adapter)?.Name ?? "its default device";
                        Action<ILogger, string, string> say = isAuto ? LoopLog.ProviderFound : LoopLog.ProviderChosen;
                        say(logger, key, device);
                    }

                    return new ChosenProvider(kind, name, options);
                }
            }

            if (!isAuto)
            {
                throw new ConfigurationException(
                    [$"{configuration.Path}: execution.provider \"{key}\" cannot be used, because {status.Problem}: {status.Fix}, or set execution.provider to \"cpu\"."]);
            }

            if (communicator.Rank == 0)
            {
                LoopLog.ProviderRefused(logger, key, status.Problem, status.Fix);
            }
        }

        if (communicator.Rank == 0)
        {
            LoopLog.ProviderFound(logger, "cpu", "the processor");
        }

        return OfCpu;
    }

    /// <summary>Adds the provider to a session's options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="graph">The graph the session will run.</param>
    internal void Add(OrtSessionOptions options, OnnxModel graph)
    {
        if (IsCpu)
        {
            return;
        }

        if (Kind == ExecutionProvider.WebGpu && NotForWebGpu(graph.Graph) is { Count: > 0 } names)
        {
            options.SetConfig("ep.webgpuexecutionprovider.forceCpuNodeNames", string.Join('\n', names));
        }

        options.AddProvider(_name, _options);
    }

    private static (Dictionary<string, string> Options, int Device) Options(
        TrainingConfiguration configuration, ExecutionProvider kind, ProviderStatus status, ICommunicator communicator)
    {
        var execution = configuration.Execution;
        var options = new Dictionary<string, string>(execution.ProviderOptions, StringComparer.Ordinal);
        if (kind == ExecutionProvider.WebGpu)
        {
            if (execution.DeviceId > 0)
            {
                throw new ConfigurationException(
                    [$"{configuration.Path}: execution.device_id is {execution.DeviceId}, but webgpu chooses its adapter itself: remove it, and show each rank one GPU by the driver's own variable, such as MESA_VK_DEVICE_SELECT."]);
            }

            // Token numbers, labels and indices stay on the device; they are far below 2^31, to which it cuts them.
            options.TryAdd(Int64Option, "1");
            return (options, 0);
        }

        if (execution.DeviceId >= status.Adapters.Count)
        {
            throw new ConfigurationException(
                [$"{configuration.Path}: execution.device_id is {execution.DeviceId}, but there are {status.Adapters.Count} devices: set it to at most {status.Adapters.Count - 1}, or remove it."]);
        }

        var device = execution.DeviceId ?? (communicator.LocalRank % Math.Max(1, status.Adapters.Count));
        options.TryAdd("device_id", device.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return (options, device);
    }

    /// <summary>
    /// Nodes that WebGPU of ONNX Runtime 1.30 takes and then fails to run or computes wrongly: transposed convolutions of volumes, and
    /// slices that go backwards in steps of more than one.
    /// </summary>
    private static List<string> NotForWebGpu(GraphProto graph)
    {
        var constants = graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        return [.. graph.Node.Where(IsUnfit).Select(node => node.Name).Where(name => name.Length > 0)];

        bool IsUnfit(NodeProto node) => node.OpType switch
        {
            "ConvTranspose" => node.GetInts("kernel_shape") is { Length: > 2 },
            "Slice" => node.Input.Count > 4 && constants.TryGetValue(node.Input[4], out var steps) && steps.ToInt64s().Any(step => step < -1),
            _ => false,
        };
    }
}
