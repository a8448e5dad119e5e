using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>Adds execution providers to session options by name, through whichever function of the C API each wants.</summary>
internal static unsafe class ProviderRegistration
{
    private const string Suffix = "ExecutionProvider";

    /// <summary>The names the generic function knows, where they differ from the listed name without its ending.</summary>
    private static readonly Dictionary<string, string> GenericNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["WebGpu"] = "WebGPU",
        ["Dml"] = "DML",
        ["Xnnpack"] = "XNNPACK",
        ["CoreML"] = "CoreML",
        ["Azure"] = "AZURE",
    };

    public static void Append(OrtLibrary library, nint sessionOptions, string name, IReadOnlyDictionary<string, string>? options)
    {
        var shortName = name.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase) ? name[..^Suffix.Length] : name;
        if (!library.Providers.Any(provider => provider.Equals(shortName + Suffix, StringComparison.OrdinalIgnoreCase)))
        {
            throw new OrtException(
                OrtErrorCode.NotFound,
                $"Execution provider '{name}' is not part of '{library.Path}', which has {string.Join(", ", library.Providers)}; " +
                $"choose one of these or point {LibraryLocator.PathVariable} at a library that has it.");
        }

        if (shortName.Equals("CPU", StringComparison.OrdinalIgnoreCase))
        {
            // Always present as the last provider, and without options.
            return;
        }

        try
        {
            Append(library.Api, sessionOptions, shortName, options);
        }
        catch (OrtException exception)
        {
            var isNvidia = shortName.Equals("CUDA", StringComparison.OrdinalIgnoreCase)
                || shortName.Equals("Tensorrt", StringComparison.OrdinalIgnoreCase);
            var hint = isNvidia
                ? $"its provider libraries must lie beside '{library.Path}' (`npm rebuild onnxruntime-node` downloads them) " +
                    "and the CUDA driver must be installed"
                : "check that the device and its driver are present, or run on the CPU";
            throw new OrtException(exception.Code, $"Execution provider '{name}' cannot be started ({exception.Message}); {hint}.", exception);
        }
    }

    private static void Append(OrtApi api, nint sessionOptions, string shortName, IReadOnlyDictionary<string, string>? options)
    {
        var keys = new nint[options?.Count ?? 0];
        var values = new nint[keys.Length];
        try
        {
            var i = 0;
            foreach (var (key, value) in options ?? new Dictionary<string, string>())
            {
                keys[i] = Marshal.StringToCoTaskMemUTF8(key);
                values[i++] = Marshal.StringToCoTaskMemUTF8(value);
            }

            fixed (nint* keyTexts = keys, valueTexts = values)
            {
                if (shortName.Equals("CUDA", StringComparison.OrdinalIgnoreCase))
                {
                    AppendCuda(api, sessionOptions, (byte**)keyTexts, (byte**)valueTexts, keys.Length);
                }
                else
                {
                    fixed (byte* genericName = NativeText.Utf8(GenericNames.GetValueOrDefault(shortName, shortName)))
                    {
                        api.Check(api.AppendProvider(
                            sessionOptions, genericName, (byte**)keyTexts, (byte**)valueTexts, (nuint)keys.Length));
                    }
                }
            }
        }
        finally
        {
            foreach (var text in keys.Concat(values))
            {
                Marshal.FreeCoTaskMem(text);
            }
        }
    }

    private static void AppendCuda(OrtApi api, nint sessionOptions, byte** keys, byte** values, int count)
    {
        nint cuda;
        api.Check(api.CreateCudaOptions(&cuda));
        try
        {
            if (count > 0)
            {
                api.Check(api.UpdateCudaOptions(cuda, keys, values, (nuint)count));
            }

            api.Check(api.AppendCudaProvider(sessionOptions, cuda));
        }
        finally
        {
            api.ReleaseCudaOptions(cuda);
        }
    }
}
