using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>The devices that NVIDIA's driver offers, and whether ONNX Runtime's part for them is there.</summary>
internal static unsafe class CudaSurvey
{
    private const int NameLength = 256;

    public static ProviderStatus Look(string libraryPath)
    {
        var (part, driver) = OperatingSystem.IsWindows()
            ? ("onnxruntime_providers_cuda.dll", "nvcuda.dll")
            : ("libonnxruntime_providers_cuda.so", "libcuda.so.1");
        if (!NativeLibrary.TryLoad(driver, out var library))
        {
            return Without([], $"NVIDIA's driver ({driver}) is not there", "install the driver of an NVIDIA GPU");
        }

        var adapters = Adapters(library);
        if (adapters.Count == 0)
        {
            return Without([], "NVIDIA's driver finds no GPU", "check nvidia-smi, and CUDA_VISIBLE_DEVICES if it is set");
        }

        return File.Exists(Path.Combine(Path.GetDirectoryName(libraryPath)!, part))
            ? new ProviderStatus(ProviderCheck.Cuda, adapters, null)
            : Without(
                adapters, $"{part} is not beside '{libraryPath}'",
                "run `npm rebuild onnxruntime-node`, which downloads it, and install CUDA 12 and cuDNN 9");
    }

    private static ProviderStatus Without(IReadOnlyList<GpuAdapter> adapters, string problem, string fix) =>
        new(ProviderCheck.Cuda, adapters, problem, fix);

    private static List<GpuAdapter> Adapters(nint library)
    {
        var initialize = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(library, "cuInit");
        var getCount = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(library, "cuDeviceGetCount");
        var getName = (delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(library, "cuDeviceGetName");
        int count;
        if (initialize(0) != 0 || getCount(&count) != 0)
        {
            return [];
        }

        var adapters = new List<GpuAdapter>(count);
        var name = stackalloc byte[NameLength];
        for (var device = 0; device < count; device++)
        {
            adapters.Add(new GpuAdapter(getName(name, NameLength, device) == 0 ? NativeText.Read((nint)name) : $"device {device}", IsSoftware: false));
        }

        return adapters;
    }
}
