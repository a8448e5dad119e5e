using OrtZero.Runtime;

namespace OrtZero.RankWorker.Internal;

/// <summary>What <c>rankworker doctor</c> says of execution providers and the devices behind them.</summary>
internal static class DoctorDevices
{
    /// <summary>The providers that training knows, in the order in which <c>execution.provider: auto</c> tries them.</summary>
    private static readonly (string Key, string Name)[] s_providers = [("cuda", ProviderCheck.Cuda), ("webgpu", ProviderCheck.WebGpu), ("cpu", ProviderCheck.Cpu)];

    /// <summary>A line for each provider, and one for each device that ONNX Runtime lists itself.</summary>
    internal static IEnumerable<string> Lines(OrtEnvironment environment)
    {
        foreach (var (key, name) in s_providers)
        {
            yield return $"{key,-14} {Describe(ProviderCheck.Try(environment, name))}";
        }

        foreach (var device in environment.Devices().Where(device => device.Kind != OrtDeviceKind.Cpu))
        {
            yield return $"device         {device.Vendor} {device.Kind.ToString().ToUpperInvariant()} {device.VendorId:x4}:{device.DeviceId:x4} for {device.Provider}";
        }
    }

    private static string Describe(ProviderStatus status)
    {
        var adapters = string.Join(", ", status.Adapters.Select(adapter => adapter.IsSoftware ? $"{adapter.Name} (a program on the processor)" : adapter.Name));
        return status.Works
            ? adapters.Length > 0 ? $"works: {adapters}" : "works"
            : $"not usable, because {status.Problem}: {status.Fix}{(adapters.Length > 0 ? $" (found {adapters})" : "")}";
    }
}
