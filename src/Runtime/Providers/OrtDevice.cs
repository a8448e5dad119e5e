namespace OrtZero.Runtime;

/// <summary>A device that an execution provider of the library can use.</summary>
/// <param name="Provider">The provider as <see cref="OrtLibrary.Providers"/> lists it, such as WebGpuExecutionProvider.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Vendor">The maker's name, or empty where the system does not tell.</param>
/// <param name="VendorId">The maker's PCI number, 0x10DE for NVIDIA; 0 where it is not known.</param>
/// <param name="DeviceId">The device's PCI number; 0 where it is not known. It tells models apart, not devices of one model.</param>
/// <param name="Properties">What else the system tells, such as "Discrete" or "Description".</param>
public sealed record OrtDevice(
    string Provider, OrtDeviceKind Kind, string Vendor, uint VendorId, uint DeviceId, IReadOnlyDictionary<string, string> Properties);
