using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator.Tests.Rpc;

public class MetadataTests
{
    [Fact]
    public void Keys_are_lower_case_and_the_last_value_counts()
    {
        var metadata = new RpcMetadata { { "Run", "a" }, { "run", "b" } };
        Assert.Equal("b", metadata.GetValue("RUN"));
        Assert.Equal(["a", "b"], metadata.GetAll("run").Select(entry => entry.Value));
        Assert.Null(metadata.GetValue("walk"));
    }

    [Theory]
    [InlineData("with space", "v")]
    [InlineData("ök", "v")]
    [InlineData("key", "line\nbreak")]
    [InlineData("key", "größer")]
    [InlineData("key-bin", "text")]
    public void What_the_wire_cannot_carry_is_refused(string key, string value) =>
        Assert.Throws<ArgumentException>(() => new RpcMetadata { { key, value } });

    [Fact]
    public void Bytes_need_a_key_that_ends_in_bin() =>
        Assert.Contains("-bin", Assert.Throws<ArgumentException>(() => new RpcMetadata { { "key", [1, 2] } }).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("AQI=", new byte[] { 1, 2 })]
    [InlineData("AQI", new byte[] { 1, 2 })]
    [InlineData("", new byte[0])]
    public void Binary_values_are_read_with_and_without_padding(string text, byte[] expected)
    {
        var metadata = new RpcMetadata();
        GrpcProtocol.AddHeader(metadata, "key-bin", text);
        Assert.Equal(expected, metadata.GetValueBytes("key-bin"));
    }

    [Fact]
    public void Joined_binary_values_are_taken_apart()
    {
        var metadata = new RpcMetadata();
        GrpcProtocol.AddHeader(metadata, "key-bin", "AQ, Ag==,Aw");
        Assert.Equal([1, 2, 3], metadata.GetAll("key-bin").Select(entry => entry.ValueBytes.Span[0]));
    }

    [Fact]
    public void Broken_base64_is_an_internal_error()
    {
        var error = Assert.Throws<RpcException>(() => GrpcProtocol.AddHeader([], "key-bin", "*"));
        Assert.Equal(RpcStatusCode.Internal, error.StatusCode);
    }

    [Theory]
    [InlineData(":path")]
    [InlineData("grpc-status")]
    [InlineData("TE")]
    [InlineData("content-type")]
    public void Headers_of_the_protocol_are_no_metadata(string name)
    {
        var metadata = new RpcMetadata();
        GrpcProtocol.AddHeader(metadata, name, "x");
        Assert.Empty(metadata);
    }
}
