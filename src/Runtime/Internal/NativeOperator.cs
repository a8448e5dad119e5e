using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// <c>struct OrtCustomOp</c> (onnxruntime_c_api.h) as of API version 18, followed by what the callbacks need to find the C#
/// operator. ONNX Runtime passes the struct's address to most of them.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeOperator
{
    /// <summary>The newest version whose members are all filled in here.</summary>
    private const uint StructVersion = 18;

    public uint Version;
    public nint CreateKernel;
    public delegate* unmanaged<NativeOperator*, nint> GetName;
    public delegate* unmanaged<NativeOperator*, nint> GetExecutionProviderType;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputType;
    public delegate* unmanaged<NativeOperator*, nuint> GetInputTypeCount;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetOutputType;
    public delegate* unmanaged<NativeOperator*, nuint> GetOutputTypeCount;
    public nint KernelCompute;
    public delegate* unmanaged<nint, void> KernelDestroy;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputCharacteristic;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetOutputCharacteristic;
    public delegate* unmanaged<NativeOperator*, nuint, int> GetInputMemoryType;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicInputMinArity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicInputHomogeneity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicOutputMinArity;
    public delegate* unmanaged<NativeOperator*, int> GetVariadicOutputHomogeneity;
    public delegate* unmanaged<NativeOperator*, nint, nint, nint*, nint> CreateKernelV2;
    public delegate* unmanaged<nint, nint, nint> KernelComputeV2;
    public delegate* unmanaged<NativeOperator*, nint, nint> InferOutputShapeFn;
    public delegate* unmanaged<NativeOperator*, int> GetStartVersion;
    public delegate* unmanaged<NativeOperator*, int> GetEndVersion;
    public nint GetMayInplace;
    public nint ReleaseMayInplace;
    public nint GetAliasMap;
    public nint ReleaseAliasMap;

    private nint _name;
    private nint _provider;
    private nint _declaration;

    public static NativeOperator* Create(OperatorDeclaration declaration)
    {
        var native = (NativeOperator*)NativeMemory.AllocZeroed((nuint)Unsafe.SizeOf<NativeOperator>());
        native->Version = StructVersion;
        native->GetName = &NameOf;
        native->GetExecutionProviderType = &ProviderOf;
        native->GetInputType = &InputTypeOf;
        native->GetInputTypeCount = &InputCountOf;
        native->GetOutputType = &OutputTypeOf;
        native->GetOutputTypeCount = &OutputCountOf;
        native->KernelDestroy = &KernelCallbacks.Destroy;
        native->GetInputCharacteristic = &InputKindOf;
        native->GetOutputCharacteristic = &OutputKindOf;
        native->GetInputMemoryType = &InputMemoryOf;
        native->GetVariadicInputMinArity = &VariadicInputMinimumOf;
        native->GetVariadicInputHomogeneity = &VariadicInputsAlikeOf;
        native->GetVariadicOutputMinArity = &VariadicOutputMinimumOf;
        native->GetVariadicOutputHomogeneity = &VariadicOutputsAlikeOf;
        native->CreateKernelV2 = &KernelCallbacks.Create;
        native->KernelComputeV2 = &KernelCallbacks.Compute;
        native->InferOutputShapeFn = declaration.Operator.InfersShapes ? &KernelCallbacks.InferShapes : null;
        native->GetStartVersion = &StartVersionOf;
        native->GetEndVersion = &EndVersionOf;
        native->_name = Marshal.StringToCoTaskMemUTF8(declaration.Name);
        native->_provider = Marshal.StringToCoTaskMemUTF8(declaration.Provider);
        native->_declaration = GCHandle.ToIntPtr(GCHandle.Alloc(declaration));
        return native;
    }

    public static void Free(NativeOperator* native)
    {
        Marshal.FreeCoTaskMem(native->_name);
        Marshal.FreeCoTaskMem(native->_provider);
        GCHandle.FromIntPtr(native->_declaration).Free();
        NativeMemory.Free(native);
    }

    public static OperatorDeclaration DeclarationOf(NativeOperator* native) =>
        Unsafe.As<OperatorDeclaration>(GCHandle.FromIntPtr(native->_declaration).Target!);

    // None of these can throw: each only reads what the declaration fixed. ONNX Runtime asks for indices below the counts.
    [UnmanagedCallersOnly]
    private static nint NameOf(NativeOperator* native) => native->_name;

    [UnmanagedCallersOnly]
    private static nint ProviderOf(NativeOperator* native) => native->_provider;

    [UnmanagedCallersOnly]
    private static int InputTypeOf(NativeOperator* native, nuint index) => At(DeclarationOf(native).InputTypes, index);

    [UnmanagedCallersOnly]
    private static nuint InputCountOf(NativeOperator* native) => (nuint)DeclarationOf(native).InputTypes.Length;

    [UnmanagedCallersOnly]
    private static int OutputTypeOf(NativeOperator* native, nuint index) => At(DeclarationOf(native).OutputTypes, index);

    [UnmanagedCallersOnly]
    private static nuint OutputCountOf(NativeOperator* native) => (nuint)DeclarationOf(native).OutputTypes.Length;

    [UnmanagedCallersOnly]
    private static int InputKindOf(NativeOperator* native, nuint index) => At(DeclarationOf(native).InputKinds, index);

    [UnmanagedCallersOnly]
    private static int OutputKindOf(NativeOperator* native, nuint index) => At(DeclarationOf(native).OutputKinds, index);

    [UnmanagedCallersOnly]
    private static int InputMemoryOf(NativeOperator* native, nuint index) => 0;

    [UnmanagedCallersOnly]
    private static int VariadicInputMinimumOf(NativeOperator* native) => DeclarationOf(native).VariadicInputMinimum;

    [UnmanagedCallersOnly]
    private static int VariadicInputsAlikeOf(NativeOperator* native) => DeclarationOf(native).VariadicInputsAlike ? 1 : 0;

    [UnmanagedCallersOnly]
    private static int VariadicOutputMinimumOf(NativeOperator* native) => DeclarationOf(native).VariadicOutputMinimum;

    [UnmanagedCallersOnly]
    private static int VariadicOutputsAlikeOf(NativeOperator* native) => 1;

    [UnmanagedCallersOnly]
    private static int StartVersionOf(NativeOperator* native) => 1;

    [UnmanagedCallersOnly]
    private static int EndVersionOf(NativeOperator* native) => int.MaxValue;

    private static int At(int[] values, nuint index) => index < (nuint)values.Length ? values[index] : 0;
}
