using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace OrtZero.EndToEnd.Support;

/// <summary>
/// The rules of Hugging Face's own reader (safetensors/src/tensor.rs, <c>SafeTensors::read_metadata</c> and <c>Metadata::validate</c>),
/// written down a second time, so that our writer is not only checked by our reader.
/// </summary>
internal static class StrictSafetensors
{
    private static readonly Dictionary<string, int> s_bytes = new(StringComparer.Ordinal)
    {
        ["BOOL"] = 1, ["U8"] = 1, ["I8"] = 1, ["F8_E5M2"] = 1, ["F8_E4M3"] = 1, ["I16"] = 2, ["U16"] = 2, ["F16"] = 2, ["BF16"] = 2,
        ["I32"] = 4, ["U32"] = 4, ["F32"] = 4, ["F64"] = 8, ["I64"] = 8, ["U64"] = 8,
    };

    public static void Check(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.InRange(length, 2UL, 100_000_000UL);
        Assert.True(length <= (ulong)(bytes.Length - 8), "The header is longer than the file.");
        var header = bytes.AsSpan(8, (int)length);
        Assert.Equal((byte)'{', header[0]);
        using var json = JsonDocument.Parse(Encoding.UTF8.GetString(header), new JsonDocumentOptions { AllowDuplicateProperties = false });
        var tensors = new List<(long Start, long End)>();
        foreach (var property in json.RootElement.EnumerateObject())
        {
            if (property.Name == "__metadata__")
            {
                Assert.All(property.Value.EnumerateObject(), entry => Assert.Equal(JsonValueKind.String, entry.Value.ValueKind));
                continue;
            }

            Assert.Equal(["dtype", "shape", "data_offsets"], property.Value.EnumerateObject().Select(field => field.Name));
            var shape = property.Value.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt64()).ToList();
            Assert.All(shape, axis => Assert.True(axis >= 0));
            var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64()).ToList();
            Assert.Equal(2, offsets.Count);
            Assert.Equal(shape.Aggregate((long)s_bytes[property.Value.GetProperty("dtype").GetString()!], (count, axis) => checked(count * axis)), offsets[1] - offsets[0]);
            tensors.Add((offsets[0], offsets[1]));
        }

        var position = 0L;
        foreach (var (start, end) in tensors.Order())
        {
            Assert.Equal(position, start);
            position = end;
        }

        Assert.Equal(bytes.Length - 8 - (long)length, position);
    }
}
