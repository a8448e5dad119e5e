using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// The callbacks that run an operator's own code. ONNX Runtime is C++ without knowledge of .NET: an exception that left one
/// of them would end the process, so every exception becomes a status, whatever its type.
/// </summary>
[SuppressMessage(
    "Design", "CA1031:Do not catch general exception types", Justification = "No exception may cross into native code, whatever its type.")]
internal static unsafe class KernelCallbacks
{
    [UnmanagedCallersOnly]
    public static nint Create(NativeOperator* native, nint apiTable, nint info, nint* kernel)
    {
        *kernel = 0;
        var declaration = NativeOperator.DeclarationOf(native);
        try
        {
            var attributes = new KernelAttributes(declaration.Api, info);
            CustomKernel created;
            bool[] hasOutput;
            string name;
            try
            {
                created = declaration.Operator.CreateKernel(attributes)
                    ?? throw new InvalidOperationException($"CreateKernel of {declaration.QualifiedName} returned null.");
                hasOutput = [.. Enumerable.Range(0, attributes.OutputCount).Select(attributes.HasOutput)];
                name = attributes.NodeName;
            }
            finally
            {
                attributes.Close();
            }

            *kernel = GCHandle.ToIntPtr(GCHandle.Alloc(new KernelState(declaration, created, hasOutput, name)));
            return 0;
        }
        catch (Exception exception)
        {
            return ToStatus(declaration.Api, exception);
        }
    }

    [UnmanagedCallersOnly]
    public static nint Compute(nint kernel, nint context)
    {
        var state = StateOf(kernel);
        try
        {
            state.Kernel.Compute(new KernelContext(state, context));
            return 0;
        }
        catch (Exception exception)
        {
            return ToStatus(state.Api, exception);
        }
    }

    [UnmanagedCallersOnly]
    public static void Destroy(nint kernel)
    {
        try
        {
            StateOf(kernel).Kernel.Dispose();
        }
        catch (Exception exception)
        {
            Trace.TraceError($"Disposing the kernel of {StateOf(kernel).Description} failed: {exception}");
        }
        finally
        {
            GCHandle.FromIntPtr(kernel).Free();
        }
    }

    [UnmanagedCallersOnly]
    public static nint InferShapes(NativeOperator* native, nint context)
    {
        var declaration = NativeOperator.DeclarationOf(native);
        try
        {
            declaration.Operator.InferShapes(new ShapeInference(declaration.Api, context));
        }
        catch (Exception exception)
        {
            // ONNX Runtime ignores what this returns and would leak a status.
            Trace.TraceWarning($"Inferring the shapes of {declaration.QualifiedName} failed: {exception}");
        }

        return 0;
    }

    /// <summary>One piece of a ParallelFor; an exception is kept for the thread that waits.</summary>
    [UnmanagedCallersOnly]
    public static void Piece(void* work, nuint index)
    {
        ref var shared = ref Unsafe.AsRef<ParallelWork>(work);
        try
        {
            if (Volatile.Read(ref shared.Failure) is null)
            {
                shared.Invoke(shared.Body, (int)index);
            }
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref shared.Failure, exception, null);
        }
    }

    private static KernelState StateOf(nint kernel) => Unsafe.As<KernelState>(GCHandle.FromIntPtr(kernel).Target!);

    private static nint ToStatus(OrtApi api, Exception exception)
    {
        KernelFailure.Remember(exception);
        var code = exception switch
        {
            OrtException ort => ort.Code,
            ArgumentException => OrtErrorCode.InvalidArgument,
            NotSupportedException => OrtErrorCode.NotImplemented,
            _ => OrtErrorCode.RuntimeException,
        };
        return api.NewStatus(code, exception.Message.Length > 0 ? exception.Message : exception.GetType().Name);
    }
}
