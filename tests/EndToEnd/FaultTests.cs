using OrtZero.EndToEnd.Drills;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>A short fault drill; scripts/fault-drill does thirty kills.</summary>
public sealed class FaultTests(ITestOutputHelper output)
{
    [Fact]
    public void Killed_at_random_and_resumed_on_other_ranks_it_ends_with_the_same_bits()
    {
        var drill = new FaultDrill(kills: 4, seed: 7, output.WriteLine);
        drill.Run();
        Assert.Equal(4, drill.Kills.Count);
    }
}
