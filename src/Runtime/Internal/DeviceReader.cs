namespace OrtZero.Runtime.Internal;

/// <summary>Reads the devices that ONNX Runtime found for its providers.</summary>
internal static unsafe class DeviceReader
{
    public static IReadOnlyList<OrtDevice> Read(OrtApi api, nint environment)
    {
        api.Require(22, "Listing devices");
        nint* devices;
        nuint count;
        api.Check(api.GetEpDevices(environment, &devices, &count));
        var result = new OrtDevice[count];
        for (nuint i = 0; i < count; i++)
        {
            var hardware = api.EpDeviceDevice(devices[i]);
            result[i] = new OrtDevice(
                NativeText.Read(api.EpDeviceEpName(devices[i])),
                (OrtDeviceKind)api.HardwareDeviceType(hardware),
                NativeText.Read(api.HardwareDeviceVendor(hardware)),
                api.HardwareDeviceVendorId(hardware),
                api.HardwareDeviceDeviceId(hardware),
                Pairs(api, api.HardwareDeviceMetadata(hardware)));
        }

        return result;
    }

    private static Dictionary<string, string> Pairs(OrtApi api, nint pairs)
    {
        byte** keys, values;
        nuint count;
        api.GetKeyValuePairs(pairs, &keys, &values, &count);
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        for (nuint i = 0; i < count; i++)
        {
            result[NativeText.Read((nint)keys[i])] = NativeText.Read((nint)values[i]);
        }

        return result;
    }
}
