using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>The adapters that Vulkan offers, which is what WebGPU runs on under Linux.</summary>
internal static unsafe class VulkanSurvey
{
    /// <summary>Larger than VkPhysicalDeviceProperties of any version; its name is 256 bytes from byte 20 on.</summary>
    private const int PropertiesSize = 4096;

    private const int TypeOffset = 16;
    private const int NameOffset = 20;
    private const int ProcessorType = 4;

    public static ProviderStatus Look()
    {
        if (!OperatingSystem.IsLinux())
        {
            // Direct3D 12 and Metal are part of the system.
            return new ProviderStatus(ProviderCheck.WebGpu, [], null);
        }

        if (!NativeLibrary.TryLoad("libvulkan.so.1", out var library))
        {
            return new ProviderStatus(
                ProviderCheck.WebGpu, [], "the Vulkan loader libvulkan.so.1 is not there", "install it (Debian and Ubuntu: apt-get install libvulkan1)");
        }

        // Stays loaded: ONNX Runtime loads it again, and drivers do not like to be unloaded.
        var adapters = Adapters(library);
        return adapters.Count > 0
            ? new ProviderStatus(ProviderCheck.WebGpu, adapters, null)
            : new ProviderStatus(
                ProviderCheck.WebGpu, [], "Vulkan finds no adapter",
                "install the GPU's Vulkan driver (NVIDIA: its driver package; others: apt-get install mesa-vulkan-drivers) or, to try without a GPU, " +
                "install chromium-common and set VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json");
    }

    private static List<GpuAdapter> Adapters(nint library)
    {
        var create = (delegate* unmanaged<InstanceDescription*, void*, nint*, int>)NativeLibrary.GetExport(library, "vkCreateInstance");
        var destroy = (delegate* unmanaged<nint, void*, void>)NativeLibrary.GetExport(library, "vkDestroyInstance");
        var enumerate = (delegate* unmanaged<nint, uint*, nint*, int>)NativeLibrary.GetExport(library, "vkEnumeratePhysicalDevices");
        var describe = (delegate* unmanaged<nint, byte*, void>)NativeLibrary.GetExport(library, "vkGetPhysicalDeviceProperties");
        var description = new InstanceDescription { Type = 1 };
        nint instance;
        if (create(&description, null, &instance) != 0)
        {
            return [];
        }

        var adapters = new List<GpuAdapter>();
        var count = 0u;
        if (enumerate(instance, &count, null) == 0 && count > 0)
        {
            var devices = new nint[count];
            fixed (nint* pointer = devices)
            {
                _ = enumerate(instance, &count, pointer);
            }

            var properties = stackalloc byte[PropertiesSize];
            for (var i = 0; i < count; i++)
            {
                describe(devices[i], properties);
                adapters.Add(new GpuAdapter(NativeText.Read((nint)(properties + NameOffset)), *(int*)(properties + TypeOffset) == ProcessorType));
            }
        }

        destroy(instance, null);
        return adapters;
    }

    /// <summary>VkInstanceCreateInfo, of which only the type is set.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InstanceDescription
    {
        public int Type;
        public nint Next;
        public uint Flags;
        public nint Application;
        public uint LayerCount;
        public nint Layers;
        public uint ExtensionCount;
        public nint Extensions;
    }
}
