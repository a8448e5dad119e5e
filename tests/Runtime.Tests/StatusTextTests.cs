using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime.Tests;

public sealed class StatusTextTests
{
    [Theory]
    [InlineData("Invalid rank for input: x", "Invalid rank for input: x")]
    [InlineData(
        "/onnxruntime_src/core/graph/graph.cc:1295 onnxruntime::Graph::Graph(const Model&) [ONNXRuntimeError] : 1 : FAIL : Constant node: c has no data",
        "Constant node: c has no data")]
    [InlineData(
        "/onnxruntime_src/core/webgpu_context.cc:136 void Initialize()::<lambda()> status == Success was false. Failed to get an adapter: none\n",
        "Failed to get an adapter: none")]
    [InlineData(
        "Non-zero status code returned while running Add node. Name:'a' Status Message: /src/x.h:5 void f() [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : bad shape",
        "Non-zero status code returned while running Add node. Name:'a' Status Message: bad shape")]
    [InlineData("/src/x.cc:5 void f() a == b was false. ", "/src/x.cc:5 void f() a == b was false.")]
    public void Source_locations_are_dropped_and_the_rest_is_kept(string message, string expected) =>
        Assert.Equal(expected, StatusText.Clean(message));
}
