namespace OrtZero.Runtime.Internal;

/// <summary>A native domain with the operator structs it points at, which are freed after it.</summary>
internal sealed unsafe class CustomDomainHandle : OrtHandle
{
    private readonly List<nint> _operators = [];

    public CustomDomainHandle(OrtApi api, nint handle)
        : base(api, OrtFunction.ReleaseCustomOpDomain, handle)
    {
    }

    public void Add(OperatorDeclaration declaration)
    {
        var native = NativeOperator.Create(declaration);
        try
        {
            Api.Check(Api.AddToCustomOpDomain(handle, (nint)native));
        }
        catch
        {
            NativeOperator.Free(native);
            throw;
        }

        _operators.Add((nint)native);
    }

    protected override bool ReleaseHandle()
    {
        var released = base.ReleaseHandle();
        foreach (var native in _operators)
        {
            NativeOperator.Free((NativeOperator*)native);
        }

        _operators.Clear();
        return released;
    }
}
