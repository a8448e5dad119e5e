namespace OrtZero.Runtime;

/// <summary>The kinds of devices that ONNX Runtime tells apart; the values are its own.</summary>
public enum OrtDeviceKind
{
    /// <summary>A processor.</summary>
    Cpu = 0,

    /// <summary>A graphics processor.</summary>
    Gpu = 1,

    /// <summary>A neural processor.</summary>
    Npu = 2,
}
