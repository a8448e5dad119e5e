namespace OrtZero.Onnx.Internal;

/// <summary>
/// Floating-point numbers of 8 and 4 bits (ONNX technical notes "Float stored in 8 bits" and "in 4 bits"; OCP 8-bit Floating
/// Point Specification for E4M3FN and E5M2, arXiv:2206.02915 for the FNUZ kinds, OCP MX for E2M1 and E8M0).
/// </summary>
internal static class SmallFloat
{
    public static float Float8(TensorElementType type, byte bits) => type switch
    {
        TensorElementType.Float8E4M3FN => (bits & 0x7F) == 0x7F ? float.NaN : Decode(bits, 3, 7),
        TensorElementType.Float8E4M3FNUZ => bits == 0x80 ? float.NaN : Decode(bits, 3, 8),
        TensorElementType.Float8E5M2FNUZ => bits == 0x80 ? float.NaN : Decode(bits, 2, 16),
        TensorElementType.Float8E5M2 when (bits & 0x7F) > 0x7C => float.NaN,
        TensorElementType.Float8E5M2 when (bits & 0x7F) == 0x7C => bits < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        TensorElementType.Float8E5M2 => Decode(bits, 2, 15),
        TensorElementType.Float8E8M0 => bits == 0xFF ? float.NaN : MathF.ScaleB(1, bits - 127),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an 8-bit floating-point type."),
    };

    public static float Float4E2M1(int bits)
    {
        var exponent = (bits >> 1) & 3;
        var magnitude = exponent == 0 ? (bits & 1) * 0.5f : MathF.ScaleB(1 + ((bits & 1) * 0.5f), exponent - 1);
        return (bits & 8) == 0 ? magnitude : -magnitude;
    }

    private static float Decode(byte bits, int mantissaBits, int bias)
    {
        var exponent = (bits & 0x7F) >> mantissaBits;
        var mantissa = bits & ((1 << mantissaBits) - 1);
        var magnitude = exponent == 0
            ? MathF.ScaleB(mantissa, 1 - bias - mantissaBits)
            : MathF.ScaleB(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
        return bits < 0x80 ? magnitude : -magnitude;
    }
}
