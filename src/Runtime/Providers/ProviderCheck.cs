using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// Finds out whether an execution provider works here before a run depends on it, and says what is missing where it does not. What
/// would make ONNX Runtime or its graphics layer complain on standard error is looked for first.
/// </summary>
public static class ProviderCheck
{
    /// <summary>NVIDIA GPUs through CUDA.</summary>
    public const string Cuda = "CUDAExecutionProvider";

    /// <summary>Any vendor's GPU through WebGPU, which is Vulkan on Linux, Direct3D 12 on Windows and Metal on macOS.</summary>
    public const string WebGpu = "WebGpuExecutionProvider";

    /// <summary>The processor.</summary>
    public const string Cpu = "CPUExecutionProvider";

    /// <summary>Looks for the provider, its libraries, driver and devices, without starting it.</summary>
    public static ProviderStatus Look(OrtLibrary library, string provider)
    {
        ArgumentNullException.ThrowIfNull(library);
        ArgumentNullException.ThrowIfNull(provider);
        if (!library.Providers.Contains(provider, StringComparer.OrdinalIgnoreCase))
        {
            return new ProviderStatus(
                provider, [], $"'{library.Path}' is built without it",
                $"point {LibraryLocator.PathVariable} at a library that has it");
        }

        return provider switch
        {
            Cuda => CudaSurvey.Look(library.Path),
            WebGpu => VulkanSurvey.Look(),
            _ => new ProviderStatus(provider, [], null),
        };
    }

    /// <summary>Looks, and then starts the provider and lets it add two numbers.</summary>
    /// <param name="environment">Where the sessions will run.</param>
    /// <param name="provider">The provider as <see cref="OrtLibrary.Providers"/> lists it.</param>
    /// <param name="options">The options it will be started with.</param>
    public static ProviderStatus Try(OrtEnvironment environment, string provider, IReadOnlyDictionary<string, string>? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var status = Look(environment.Library, provider);
        if (!status.Works)
        {
            return status;
        }

        try
        {
            using var settings = new OrtSessionOptions(environment);
            settings.AddProvider(provider, options);
            using var session = OrtSession.Open(environment, Doubling(), settings);
            using var input = OrtTensor.FromSingles([21f], 1);
            using var output = session.Run(new Dictionary<string, OrtTensor> { ["x"] = input })[0];
            return output.Span<float>()[0] == 42 ? status : status with { Problem = "it adds numbers wrongly", Fix = "update the driver of the device" };
        }
        catch (OrtException exception)
        {
            return status with { Problem = $"it does not start ({exception.Message.TrimEnd('.')})", Fix = "update the driver of the device" };
        }
    }

    private static OnnxModel Doubling()
    {
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "check" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        model.Graph.Input.Add(Number("x"));
        model.Graph.Output.Add(Number("y"));
        model.Graph.Node.Add(new NodeProto { OpType = "Add", Input = { "x", "x" }, Output = { "y" } });
        return new OnnxModel(model);
    }

    private static ValueInfoProto Number(string name) => new()
    {
        Name = name,
        Type = new TypeProto
        {
            TensorType = new TypeProto.Types.Tensor
            {
                ElemType = (int)TensorElementType.Float,
                Shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimValue = 1 } } },
            },
        },
    };
}
