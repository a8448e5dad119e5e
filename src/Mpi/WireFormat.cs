namespace OrtZero.Mpi;

/// <summary>How a sum of float32 numbers travels between ranks. Sums are always formed in float32.</summary>
public enum WireFormat
{
    /// <summary>As they are: nothing is lost.</summary>
    Float32,

    /// <summary>
    /// IEEE half precision, half the bytes. Every message is scaled by a power of two so that its largest number lies in the upper
    /// range: a number x is off by at most 2^-11 |x| + 2^-39 max, where max is the largest magnitude in the message.
    /// </summary>
    Float16,

    /// <summary>The upper half of float32, half the bytes: a number x is off by at most 2^-8 |x| (rounded to nearest even).</summary>
    Bfloat16,
}
