using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): four random 32-bit words from a
/// counter of four words and a key of two, with no state in between.
/// </summary>
internal static class Philox
{
    private const int Rounds = 10;
    private const ulong Multiplier0 = 0xD2511F53;
    private const ulong Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>Eight counters at a time, replaced by their random words. Every lane holds one word in its lower half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Apply(
        ref Vector512<ulong> word0, ref Vector512<ulong> word1, ref Vector512<ulong> word2, ref Vector512<ulong> word3, ulong key)
    {
        var lower = Vector512.Create((ulong)uint.MaxValue);
        var (key0, key1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < Rounds; round++)
        {
            // Of two words the product is exact, as lanes are wide enough for both of its halves.
            var product0 = word0 * Multiplier0;
            var product1 = word2 * Multiplier1;
            word0 = (product1 >>> 32) ^ word1 ^ Vector512.Create((ulong)key0);
            word2 = (product0 >>> 32) ^ word3 ^ Vector512.Create((ulong)key1);
            word1 = product1 & lower;
            word3 = product0 & lower;
            key0 = unchecked(key0 + Weyl0);
            key1 = unchecked(key1 + Weyl1);
        }
    }
}
