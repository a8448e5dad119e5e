using System.Text;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>What a node says about itself; readable only inside <see cref="CustomOperator.CreateKernel"/>.</summary>
public sealed unsafe class KernelAttributes
{
    private readonly OrtApi _api;
    private nint _info;

    internal KernelAttributes(OrtApi api, nint info)
    {
        _api = api;
        _info = info;
    }

    /// <summary>The name of the node.</summary>
    public string NodeName
    {
        get
        {
            nuint size = 0;
            _api.Check(_api.KernelInfoGetNodeName(Info, null, &size));
            var text = new byte[size];
            fixed (byte* bytes = text)
            {
                _api.Check(_api.KernelInfoGetNodeName(Info, bytes, &size));
            }

            return TextOf(text);
        }
    }

    /// <summary>The number of inputs the node lists, those left out in between included.</summary>
    public int InputCount
    {
        get
        {
            nuint count;
            _api.Check(_api.KernelInfoGetInputCount(Info, &count));
            return (int)count;
        }
    }

    /// <summary>The number of outputs the node lists, those left out in between included.</summary>
    public int OutputCount
    {
        get
        {
            nuint count;
            _api.Check(_api.KernelInfoGetOutputCount(Info, &count));
            return (int)count;
        }
    }

    private nint Info => _info != 0
        ? _info
        : throw new InvalidOperationException("Attributes can be read only while CreateKernel runs; keep the values, not the object.");

    /// <summary>Whether the node names its output <paramref name="index"/>, that is, whether it was not left out.</summary>
    public bool HasOutput(int index)
    {
        if (index < 0 || index >= OutputCount)
        {
            return false;
        }

        // The size counts the closing zero, so a name left empty has size 1.
        nuint size = 0;
        _api.Check(_api.KernelInfoGetOutputName(Info, (nuint)index, null, &size));
        return size > 1;
    }

    /// <summary>An integer attribute, or <paramref name="defaultValue"/> where the node has none of that name.</summary>
    /// <exception cref="OrtException">The attribute is of another type.</exception>
    public long GetInt(string name, long defaultValue)
    {
        long value;
        fixed (byte* text = NativeText.Utf8(name))
        {
            return Exists(name, _api.GetAttributeInt(Info, text, &value)) ? value : defaultValue;
        }
    }

    /// <summary>A float attribute, or <paramref name="defaultValue"/> where the node has none of that name.</summary>
    /// <exception cref="OrtException">The attribute is of another type.</exception>
    public float GetFloat(string name, float defaultValue)
    {
        float value;
        fixed (byte* text = NativeText.Utf8(name))
        {
            return Exists(name, _api.GetAttributeFloat(Info, text, &value)) ? value : defaultValue;
        }
    }

    /// <summary>A text attribute, or <paramref name="defaultValue"/> where the node has none of that name.</summary>
    /// <exception cref="OrtException">The attribute is of another type.</exception>
    public string GetString(string name, string defaultValue)
    {
        fixed (byte* text = NativeText.Utf8(name))
        {
            nuint size = 0;
            if (!Exists(name, _api.GetAttributeString(Info, text, null, &size)))
            {
                return defaultValue;
            }

            var value = new byte[size];
            fixed (byte* bytes = value)
            {
                _api.Check(_api.GetAttributeString(Info, text, bytes, &size));
            }

            return TextOf(value);
        }
    }

    /// <summary>An integer list attribute, or an empty list where the node has none of that name.</summary>
    /// <exception cref="OrtException">The attribute is of another type.</exception>
    public long[] GetInts(string name)
    {
        fixed (byte* text = NativeText.Utf8(name))
        {
            nuint size = 0;
            if (!Exists(name, _api.GetAttributeInts(Info, text, null, &size)) || size == 0)
            {
                return [];
            }

            var values = new long[size];
            fixed (long* elements = values)
            {
                _api.Check(_api.GetAttributeInts(Info, text, elements, &size));
            }

            return values;
        }
    }

    /// <summary>A float list attribute, or an empty list where the node has none of that name.</summary>
    /// <exception cref="OrtException">The attribute is of another type.</exception>
    public float[] GetFloats(string name)
    {
        fixed (byte* text = NativeText.Utf8(name))
        {
            nuint size = 0;
            if (!Exists(name, _api.GetAttributeFloats(Info, text, null, &size)) || size == 0)
            {
                return [];
            }

            var values = new float[size];
            fixed (float* elements = values)
            {
                _api.Check(_api.GetAttributeFloats(Info, text, elements, &size));
            }

            return values;
        }
    }

    /// <summary>Ends the time in which the native object may be read.</summary>
    internal void Close() => _info = 0;

    private static string TextOf(byte[] text) => Encoding.UTF8.GetString(text, 0, Math.Max(text.Length - 1, 0));

    /// <summary>ONNX Runtime has one code for "not there" and "of another type"; only its words tell them apart.</summary>
    private bool Exists(string name, nint status)
    {
        if (status == 0)
        {
            return true;
        }

        var error = _api.ToException(status, null);
        return error.Message.Contains("No attribute", StringComparison.OrdinalIgnoreCase)
            ? false
            : throw new OrtException(error.Code, $"Attribute '{name}' of node '{NodeName}' cannot be read: {error.Message}", error);
    }
}
