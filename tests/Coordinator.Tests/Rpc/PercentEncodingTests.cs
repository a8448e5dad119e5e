using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator.Tests.Rpc;

public class PercentEncodingTests
{
    [Theory]
    [InlineData("plain text ~", "plain text ~")]
    [InlineData("100 %", "100 %25")]
    [InlineData("a\nb\t\u007f", "a%0Ab%09%7F")]
    [InlineData("größer \U0001F600", "gr%C3%B6%C3%9Fer %F0%9F%98%80")]
    public void Text_survives_and_its_form_is_that_of_the_protocol(string text, string encoded)
    {
        Assert.Equal(encoded, PercentEncoding.Encode(text));
        Assert.Equal(text, PercentEncoding.Decode(encoded));
    }

    [Theory]
    [InlineData("50% done", "50% done")]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("%zz%41", "%zzA")]
    [InlineData("%c3%b6", "ö")]
    public void What_is_no_escape_stays_as_it_is(string encoded, string text) => Assert.Equal(text, PercentEncoding.Decode(encoded));
}
