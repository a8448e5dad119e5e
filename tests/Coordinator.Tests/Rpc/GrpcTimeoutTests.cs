using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator.Tests.Rpc;

public class GrpcTimeoutTests
{
    [Theory]
    [InlineData(0.000001, "1u")]
    [InlineData(1.5, "1500000u")]
    [InlineData(100.0, "100000m")]
    [InlineData(100_000.0, "100000S")]
    [InlineData(100_000_000.0, "1666667M")]
    [InlineData(0.0, "1n")]
    [InlineData(-3.0, "1n")]
    public void The_finest_unit_with_eight_digits_is_written_and_rounded_up(double seconds, string text) =>
        Assert.Equal(text, GrpcTimeout.Format(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("1H", 3600.0)]
    [InlineData("2M", 120.0)]
    [InlineData("3S", 3.0)]
    [InlineData("250m", 0.25)]
    [InlineData("7u", 0.000007)]
    [InlineData("100n", 0.0000001)]
    [InlineData("1n", 0.0000001)]
    [InlineData("99999999H", 24 * 86400.0)]
    public void Every_unit_is_read(string text, double seconds)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var timeout));
        Assert.Equal(seconds, timeout.TotalSeconds, 7);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("1.5S")]
    [InlineData("1s")]
    [InlineData("123456789S")]
    public void Anything_else_is_not(string text) => Assert.False(GrpcTimeout.TryParse(text, out _));
}
