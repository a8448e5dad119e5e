using OrtZero.Onnx;

namespace OrtZero.Sharding.Internal;

/// <summary>The format's names of element types (safetensors 0.4, <c>Dtype</c>).</summary>
internal static class SafetensorsTypes
{
    private static readonly (string Name, TensorElementType Type)[] Table =
    [
        ("BOOL", TensorElementType.Bool),
        ("U8", TensorElementType.UInt8),
        ("I8", TensorElementType.Int8),
        ("F8_E5M2", TensorElementType.Float8E5M2),
        ("F8_E4M3", TensorElementType.Float8E4M3FN),
        ("I16", TensorElementType.Int16),
        ("U16", TensorElementType.UInt16),
        ("F16", TensorElementType.Float16),
        ("BF16", TensorElementType.BFloat16),
        ("I32", TensorElementType.Int32),
        ("U32", TensorElementType.UInt32),
        ("F32", TensorElementType.Float),
        ("F64", TensorElementType.Double),
        ("I64", TensorElementType.Int64),
        ("U64", TensorElementType.UInt64),
    ];

    public static string? NameOf(TensorElementType type) => Array.Find(Table, row => row.Type == type).Name;

    public static TensorElementType Parse(string? name) => Array.Find(Table, row => row.Name == name).Type;

    public static string Names => string.Join(", ", Table.Select(row => row.Name));
}
