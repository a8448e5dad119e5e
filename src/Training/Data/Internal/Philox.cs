namespace OrtZero.Training.Internal;

/// <summary>
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3"
/// (SC 2011): ten rounds turn a 128-bit counter and a 64-bit key into 128 random bits, so any draw can be made without the
/// ones before it, on any rank.
/// </summary>
internal static class Philox
{
    /// <summary>The block of random words of a counter (c0 lowest) under a key (k0 lowest).</summary>
    public static (uint R0, uint R1, uint R2, uint R3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < 10; round++)
        {
            var even = (ulong)c0 * 0xD2511F53;
            var odd = (ulong)c2 * 0xCD9E8D57;
            (c0, c1, c2, c3) = ((uint)(odd >> 32) ^ c1 ^ k0, (uint)odd, (uint)(even >> 32) ^ c3 ^ k1, (uint)even);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>64 random bits for the n-th draw of a stream under a seed: the counter is (draw, stream).</summary>
    public static ulong Draw(ulong seed, ulong stream, ulong draw)
    {
        var (r0, r1, _, _) = Block((uint)draw, (uint)(draw >> 32), (uint)stream, (uint)(stream >> 32), (uint)seed, (uint)(seed >> 32));
        return ((ulong)r1 << 32) | r0;
    }
}
