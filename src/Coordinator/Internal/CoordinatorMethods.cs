using Google.Protobuf.Reflection;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>The methods of coordinator.proto, checked against its descriptor when first used.</summary>
internal static class CoordinatorMethods
{
    public static ServiceDescriptor Service { get; } = CoordinatorReflection.Descriptor.Services[0];

    public static RpcMethod<RegisterRequest, RegisterReply> Register { get; } = new(Service, "Register");

    public static RpcMethod<ReportRequest, ReportReply> Report { get; } = new(Service, "Report");

    public static RpcMethod<FinishRequest, FinishReply> Finish { get; } = new(Service, "Finish");

    public static RpcMethod<GetStatusRequest, RunStatus> GetStatus { get; } = new(Service, "GetStatus");

    public static RpcMethod<DirectiveRequest, DirectiveReply> Directive { get; } = new(Service, "Directive");

    public static RpcMethod<WatchRequest, RunStatus> Watch { get; } = new(Service, "Watch");
}
