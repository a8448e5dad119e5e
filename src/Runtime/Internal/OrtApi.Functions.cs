namespace OrtZero.Runtime.Internal;

/// <summary>
/// The functions of the table with their C signatures (onnxruntime_c_api.h). Handles are nint, size_t is nuint, texts are
/// byte*, and the nint that most return is an OrtStatus*, which belongs into <see cref="OrtApi.Check"/>.
/// </summary>
internal sealed unsafe partial class OrtApi
{
    // Status
    public delegate* unmanaged<int, byte*, nint> CreateStatus => (delegate* unmanaged<int, byte*, nint>)this[OrtFunction.CreateStatus];
    public delegate* unmanaged<nint, int> GetErrorCode => (delegate* unmanaged<nint, int>)this[OrtFunction.GetErrorCode];
    public delegate* unmanaged<nint, nint> GetErrorMessage => (delegate* unmanaged<nint, nint>)this[OrtFunction.GetErrorMessage];
    public delegate* unmanaged<nint, void> ReleaseStatus => (delegate* unmanaged<nint, void>)this[OrtFunction.ReleaseStatus];

    // Environment and session options
    public delegate* unmanaged<int, byte*, nint*, nint> CreateEnv => (delegate* unmanaged<int, byte*, nint*, nint>)this[OrtFunction.CreateEnv];
    public delegate* unmanaged<byte***, int*, nint> GetAvailableProviders => (delegate* unmanaged<byte***, int*, nint>)this[OrtFunction.GetAvailableProviders];
    public delegate* unmanaged<byte**, int, nint> ReleaseAvailableProviders => (delegate* unmanaged<byte**, int, nint>)this[OrtFunction.ReleaseAvailableProviders];
    public delegate* unmanaged<nint*, nint> CreateSessionOptions => (delegate* unmanaged<nint*, nint>)this[OrtFunction.CreateSessionOptions];
    public delegate* unmanaged<nint, byte*, nint> SetOptimizedModelFilePath => (delegate* unmanaged<nint, byte*, nint>)this[OrtFunction.SetOptimizedModelFilePath];
    public delegate* unmanaged<nint, byte*, nint> EnableProfiling => (delegate* unmanaged<nint, byte*, nint>)this[OrtFunction.EnableProfiling];
    public delegate* unmanaged<nint, int, nint> SetSessionExecutionMode => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetSessionExecutionMode];
    public delegate* unmanaged<nint, nint> EnableMemPattern => (delegate* unmanaged<nint, nint>)this[OrtFunction.EnableMemPattern];
    public delegate* unmanaged<nint, nint> DisableMemPattern => (delegate* unmanaged<nint, nint>)this[OrtFunction.DisableMemPattern];
    public delegate* unmanaged<nint, nint> EnableCpuMemArena => (delegate* unmanaged<nint, nint>)this[OrtFunction.EnableCpuMemArena];
    public delegate* unmanaged<nint, nint> DisableCpuMemArena => (delegate* unmanaged<nint, nint>)this[OrtFunction.DisableCpuMemArena];
    public delegate* unmanaged<nint, int, nint> SetSessionLogSeverityLevel => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetSessionLogSeverityLevel];
    public delegate* unmanaged<nint, int, nint> SetSessionGraphOptimizationLevel => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetSessionGraphOptimizationLevel];
    public delegate* unmanaged<nint, int, nint> SetIntraOpNumThreads => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetIntraOpNumThreads];
    public delegate* unmanaged<nint, int, nint> SetInterOpNumThreads => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetInterOpNumThreads];
    public delegate* unmanaged<nint, byte*, byte*, nint> AddSessionConfigEntry => (delegate* unmanaged<nint, byte*, byte*, nint>)this[OrtFunction.AddSessionConfigEntry];
    public delegate* unmanaged<nint, nint, nint> AddCustomOpDomain => (delegate* unmanaged<nint, nint, nint>)this[OrtFunction.AddCustomOpDomain];
    public delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint> AppendProvider => (delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint>)this[OrtFunction.SessionOptionsAppendExecutionProvider];
    public delegate* unmanaged<nint, nint, nint> AppendCudaProvider => (delegate* unmanaged<nint, nint, nint>)this[OrtFunction.SessionOptionsAppendExecutionProviderCUDAV2];
    public delegate* unmanaged<nint*, nint> CreateCudaOptions => (delegate* unmanaged<nint*, nint>)this[OrtFunction.CreateCUDAProviderOptions];
    public delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateCudaOptions => (delegate* unmanaged<nint, byte**, byte**, nuint, nint>)this[OrtFunction.UpdateCUDAProviderOptions];
    public delegate* unmanaged<nint, void> ReleaseCudaOptions => (delegate* unmanaged<nint, void>)this[OrtFunction.ReleaseCUDAProviderOptions];

    // Session
    public delegate* unmanaged<nint, byte*, nint, nint*, nint> CreateSession => (delegate* unmanaged<nint, byte*, nint, nint*, nint>)this[OrtFunction.CreateSession];
    public delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint> CreateSessionFromArray => (delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint>)this[OrtFunction.CreateSessionFromArray];
    public delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint> Run => (delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint>)this[OrtFunction.Run];
    public delegate* unmanaged<nint, nint, nint, nint> RunWithBinding => (delegate* unmanaged<nint, nint, nint, nint>)this[OrtFunction.RunWithBinding];
    public delegate* unmanaged<nint, nint, byte**, nint> SessionEndProfiling => (delegate* unmanaged<nint, nint, byte**, nint>)this[OrtFunction.SessionEndProfiling];
    public delegate* unmanaged<nint*, nint> CreateRunOptions => (delegate* unmanaged<nint*, nint>)this[OrtFunction.CreateRunOptions];
    public delegate* unmanaged<nint, nint> RunOptionsSetTerminate => (delegate* unmanaged<nint, nint>)this[OrtFunction.RunOptionsSetTerminate];
    public delegate* unmanaged<nint, nint> RunOptionsUnsetTerminate => (delegate* unmanaged<nint, nint>)this[OrtFunction.RunOptionsUnsetTerminate];
    public delegate* unmanaged<nint, byte*, byte*, nint> AddRunConfigEntry => (delegate* unmanaged<nint, byte*, byte*, nint>)this[OrtFunction.AddRunConfigEntry];
    public delegate* unmanaged<nint, nint*, nint> CastTypeInfoToTensorInfo => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.CastTypeInfoToTensorInfo];
    public delegate* unmanaged<nint, void> ReleaseTypeInfo => (delegate* unmanaged<nint, void>)this[OrtFunction.ReleaseTypeInfo];

    // Values
    public delegate* unmanaged<int, int, nint*, nint> CreateCpuMemoryInfo => (delegate* unmanaged<int, int, nint*, nint>)this[OrtFunction.CreateCpuMemoryInfo];
    public delegate* unmanaged<nint, nint, nuint, long*, nuint, int, nint*, nint> CreateTensorWithDataAsOrtValue => (delegate* unmanaged<nint, nint, nuint, long*, nuint, int, nint*, nint>)this[OrtFunction.CreateTensorWithDataAsOrtValue];
    public delegate* unmanaged<nint, nint*, nint> GetTensorMutableData => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.GetTensorMutableData];
    public delegate* unmanaged<nint, int*, nint> GetValueType => (delegate* unmanaged<nint, int*, nint>)this[OrtFunction.GetValueType];
    public delegate* unmanaged<nint, nint*, nint> GetTensorTypeAndShape => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.GetTensorTypeAndShape];
    public delegate* unmanaged<nint, int*, nint> GetTensorElementType => (delegate* unmanaged<nint, int*, nint>)this[OrtFunction.GetTensorElementType];
    public delegate* unmanaged<nint, nuint*, nint> GetDimensionsCount => (delegate* unmanaged<nint, nuint*, nint>)this[OrtFunction.GetDimensionsCount];
    public delegate* unmanaged<nint, long*, nuint, nint> GetDimensions => (delegate* unmanaged<nint, long*, nuint, nint>)this[OrtFunction.GetDimensions];
    public delegate* unmanaged<nint*, nint> CreateTensorTypeAndShapeInfo => (delegate* unmanaged<nint*, nint>)this[OrtFunction.CreateTensorTypeAndShapeInfo];
    public delegate* unmanaged<nint, int, nint> SetTensorElementType => (delegate* unmanaged<nint, int, nint>)this[OrtFunction.SetTensorElementType];
    public delegate* unmanaged<nint, long*, nuint, nint> SetDimensions => (delegate* unmanaged<nint, long*, nuint, nint>)this[OrtFunction.SetDimensions];
    public delegate* unmanaged<nint, void> ReleaseTensorTypeAndShapeInfo => (delegate* unmanaged<nint, void>)this[OrtFunction.ReleaseTensorTypeAndShapeInfo];
    public delegate* unmanaged<nint, void> ReleaseValue => (delegate* unmanaged<nint, void>)this[OrtFunction.ReleaseValue];
    public delegate* unmanaged<nint*, nint> GetAllocatorWithDefaultOptions => (delegate* unmanaged<nint*, nint>)this[OrtFunction.GetAllocatorWithDefaultOptions];
    public delegate* unmanaged<nint, nint, nint> AllocatorFree => (delegate* unmanaged<nint, nint, nint>)this[OrtFunction.AllocatorFree];

    // Binding
    public delegate* unmanaged<nint, nint*, nint> CreateIoBinding => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.CreateIoBinding];
    public delegate* unmanaged<nint, byte*, nint, nint> BindInput => (delegate* unmanaged<nint, byte*, nint, nint>)this[OrtFunction.BindInput];
    public delegate* unmanaged<nint, byte*, nint, nint> BindOutput => (delegate* unmanaged<nint, byte*, nint, nint>)this[OrtFunction.BindOutput];
    public delegate* unmanaged<nint, byte*, nint, nint> BindOutputToDevice => (delegate* unmanaged<nint, byte*, nint, nint>)this[OrtFunction.BindOutputToDevice];
    public delegate* unmanaged<nint, nint> SynchronizeBoundInputs => (delegate* unmanaged<nint, nint>)this[OrtFunction.SynchronizeBoundInputs];
    public delegate* unmanaged<nint, nint, nint**, nuint*, nint> GetBoundOutputValues => (delegate* unmanaged<nint, nint, nint**, nuint*, nint>)this[OrtFunction.GetBoundOutputValues];
    public delegate* unmanaged<nint, void> ClearBoundInputs => (delegate* unmanaged<nint, void>)this[OrtFunction.ClearBoundInputs];
    public delegate* unmanaged<nint, void> ClearBoundOutputs => (delegate* unmanaged<nint, void>)this[OrtFunction.ClearBoundOutputs];

    // Devices and where nodes and tensors are. The second group came with API 22, 23 and 24 (see OrtApi.Require).
    public delegate* unmanaged<nint, nint*, nint> GetTensorMemoryInfo => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.GetTensorMemoryInfo];
    public delegate* unmanaged<nint, int*, void> MemoryInfoGetDeviceType => (delegate* unmanaged<nint, int*, void>)this[OrtFunction.MemoryInfoGetDeviceType];

    public delegate* unmanaged<nint, byte***, byte***, nuint*, void> GetKeyValuePairs => (delegate* unmanaged<nint, byte***, byte***, nuint*, void>)this[OrtFunction.GetKeyValuePairs];
    public delegate* unmanaged<nint, nint**, nuint*, nint> GetEpDevices => (delegate* unmanaged<nint, nint**, nuint*, nint>)this[OrtFunction.GetEpDevices];
    public delegate* unmanaged<nint, nint> EpDeviceEpName => (delegate* unmanaged<nint, nint>)this[OrtFunction.EpDeviceEpName];
    public delegate* unmanaged<nint, nint> EpDeviceDevice => (delegate* unmanaged<nint, nint>)this[OrtFunction.EpDeviceDevice];
    public delegate* unmanaged<nint, int> HardwareDeviceType => (delegate* unmanaged<nint, int>)this[OrtFunction.HardwareDeviceType];
    public delegate* unmanaged<nint, uint> HardwareDeviceVendorId => (delegate* unmanaged<nint, uint>)this[OrtFunction.HardwareDeviceVendorId];
    public delegate* unmanaged<nint, nint> HardwareDeviceVendor => (delegate* unmanaged<nint, nint>)this[OrtFunction.HardwareDeviceVendor];
    public delegate* unmanaged<nint, uint> HardwareDeviceDeviceId => (delegate* unmanaged<nint, uint>)this[OrtFunction.HardwareDeviceDeviceId];
    public delegate* unmanaged<nint, nint> HardwareDeviceMetadata => (delegate* unmanaged<nint, nint>)this[OrtFunction.HardwareDeviceMetadata];
    public delegate* unmanaged<nint, nint*, nuint, nint> SessionGetMemoryInfoForOutputs => (delegate* unmanaged<nint, nint*, nuint, nint>)this[OrtFunction.SessionGetMemoryInfoForOutputs];
    public delegate* unmanaged<nint, nint**, nuint*, nint> SessionGetEpGraphAssignmentInfo => (delegate* unmanaged<nint, nint**, nuint*, nint>)this[OrtFunction.SessionGetEpGraphAssignmentInfo];
    public delegate* unmanaged<nint, nint*, nint> EpAssignedSubgraphGetEpName => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.EpAssignedSubgraphGetEpName];
    public delegate* unmanaged<nint, nint**, nuint*, nint> EpAssignedSubgraphGetNodes => (delegate* unmanaged<nint, nint**, nuint*, nint>)this[OrtFunction.EpAssignedSubgraphGetNodes];
    public delegate* unmanaged<nint, nint*, nint> EpAssignedNodeGetName => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.EpAssignedNodeGetName];
    public delegate* unmanaged<nint, nint*, nint> EpAssignedNodeGetDomain => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.EpAssignedNodeGetDomain];
    public delegate* unmanaged<nint, nint*, nint> EpAssignedNodeGetOperatorType => (delegate* unmanaged<nint, nint*, nint>)this[OrtFunction.EpAssignedNodeGetOperatorType];

    // Custom operators
    public delegate* unmanaged<byte*, nint*, nint> CreateCustomOpDomain => (delegate* unmanaged<byte*, nint*, nint>)this[OrtFunction.CreateCustomOpDomain];
    public delegate* unmanaged<nint, nint, nint> AddToCustomOpDomain => (delegate* unmanaged<nint, nint, nint>)this[OrtFunction.CustomOpDomainAdd];
    public delegate* unmanaged<nint, byte*, float*, nint> GetAttributeFloat => (delegate* unmanaged<nint, byte*, float*, nint>)this[OrtFunction.KernelInfoGetAttributefloat];
    public delegate* unmanaged<nint, byte*, long*, nint> GetAttributeInt => (delegate* unmanaged<nint, byte*, long*, nint>)this[OrtFunction.KernelInfoGetAttributeint64];
    public delegate* unmanaged<nint, byte*, byte*, nuint*, nint> GetAttributeString => (delegate* unmanaged<nint, byte*, byte*, nuint*, nint>)this[OrtFunction.KernelInfoGetAttributestring];
    public delegate* unmanaged<nint, byte*, float*, nuint*, nint> GetAttributeFloats => (delegate* unmanaged<nint, byte*, float*, nuint*, nint>)this[OrtFunction.KernelInfoGetAttributeArrayfloat];
    public delegate* unmanaged<nint, byte*, long*, nuint*, nint> GetAttributeInts => (delegate* unmanaged<nint, byte*, long*, nuint*, nint>)this[OrtFunction.KernelInfoGetAttributeArrayint64];
    public delegate* unmanaged<nint, nuint*, nint> KernelInfoGetInputCount => (delegate* unmanaged<nint, nuint*, nint>)this[OrtFunction.KernelInfoGetInputCount];
    public delegate* unmanaged<nint, nuint*, nint> KernelInfoGetOutputCount => (delegate* unmanaged<nint, nuint*, nint>)this[OrtFunction.KernelInfoGetOutputCount];
    public delegate* unmanaged<nint, nuint, byte*, nuint*, nint> KernelInfoGetOutputName => (delegate* unmanaged<nint, nuint, byte*, nuint*, nint>)this[OrtFunction.KernelInfoGetOutputName];
    public delegate* unmanaged<nint, byte*, nuint*, nint> KernelInfoGetNodeName => (delegate* unmanaged<nint, byte*, nuint*, nint>)this[OrtFunction.KernelInfoGetNodeName];
    public delegate* unmanaged<nint, nuint*, nint> ShapeInferContextGetInputCount => (delegate* unmanaged<nint, nuint*, nint>)this[OrtFunction.ShapeInferContextGetInputCount];
    public delegate* unmanaged<nint, nuint, nint*, nint> ShapeInferContextGetInputTypeShape => (delegate* unmanaged<nint, nuint, nint*, nint>)this[OrtFunction.ShapeInferContextGetInputTypeShape];
    public delegate* unmanaged<nint, nuint, nint, nint> ShapeInferContextSetOutputTypeShape => (delegate* unmanaged<nint, nuint, nint, nint>)this[OrtFunction.ShapeInferContextSetOutputTypeShape];

    // Calls of running kernels. Those that only look something up skip the switch to preemptive mode, which would cost more
    // than they do; making an output may allocate and ParallelFor waits, so these two must not.
    public delegate* unmanaged[SuppressGCTransition]<nint, nuint*, nint> GetKernelInputCount => (delegate* unmanaged[SuppressGCTransition]<nint, nuint*, nint>)this[OrtFunction.KernelContextGetInputCount];
    public delegate* unmanaged[SuppressGCTransition]<nint, nuint*, nint> GetKernelOutputCount => (delegate* unmanaged[SuppressGCTransition]<nint, nuint*, nint>)this[OrtFunction.KernelContextGetOutputCount];
    public delegate* unmanaged[SuppressGCTransition]<nint, nuint, nint*, nint> GetKernelInput => (delegate* unmanaged[SuppressGCTransition]<nint, nuint, nint*, nint>)this[OrtFunction.KernelContextGetInput];
    public delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint> GetKernelOutput => (delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)this[OrtFunction.KernelContextGetOutput];
    public delegate* unmanaged[SuppressGCTransition]<nint, int*, long**, nuint*, nint> GetTypeAndShapeReference => (delegate* unmanaged[SuppressGCTransition]<nint, int*, long**, nuint*, nint>)this[OrtFunction.GetTensorElementTypeAndShapeDataReference];
    public delegate* unmanaged[SuppressGCTransition]<nint, nint*, nint> GetDataInKernel => (delegate* unmanaged[SuppressGCTransition]<nint, nint*, nint>)this[OrtFunction.GetTensorMutableData];
    public delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint> ParallelFor => (delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint>)this[OrtFunction.KernelContextParallelFor];
}
