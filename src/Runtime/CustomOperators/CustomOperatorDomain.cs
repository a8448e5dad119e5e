using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// A set of custom operators under one ONNX domain. Sessions and options that use it keep it alive, so it may be disposed
/// as soon as it was added to options.
/// </summary>
public sealed unsafe class CustomOperatorDomain : IDisposable
{
    private readonly CustomDomainHandle _handle;
    private readonly HashSet<string> _operators = new(StringComparer.Ordinal);

    /// <summary>Creates an empty domain.</summary>
    /// <param name="environment">The environment of the sessions that will use it.</param>
    /// <param name="name">The domain of nodes that use its operators.</param>
    public CustomOperatorDomain(OrtEnvironment environment, string name)
        : this((environment ?? throw new ArgumentNullException(nameof(environment))).Library, name)
    {
    }

    /// <summary>Creates an empty domain.</summary>
    /// <param name="library">The library of the sessions that will use it.</param>
    /// <param name="name">The domain of nodes that use its operators.</param>
    public CustomOperatorDomain(OrtLibrary library, string name)
    {
        ArgumentNullException.ThrowIfNull(library);
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
        nint domain;
        fixed (byte* text = NativeText.Utf8(name))
        {
            library.Api.Check(library.Api.CreateCustomOpDomain(text, &domain));
        }

        _handle = new CustomDomainHandle(library.Api, domain);
    }

    /// <summary>The ONNX domain.</summary>
    public string Name { get; }

    /// <summary>The names of the operators added so far.</summary>
    public IReadOnlyCollection<string> Operators => _operators;

    internal OrtHandle Handle => _handle;

    internal HandleLease Lease() => _handle.Lease(this);

    /// <summary>Adds an operator; sessions opened from now on know it.</summary>
    /// <exception cref="ArgumentException">The name is taken, or its declaration is one ONNX Runtime cannot take.</exception>
    public void Add(CustomOperator customOperator)
    {
        ArgumentNullException.ThrowIfNull(customOperator);
        using var domain = Lease();
        var declaration = new OperatorDeclaration(_handle.Api, Name, customOperator);
        if (!_operators.Add(declaration.Name))
        {
            throw new ArgumentException($"Domain '{Name}' already has an operator '{declaration.Name}'.", nameof(customOperator));
        }

        _handle.Add(declaration);
    }

    /// <summary>Gives the domain up; it ends with the last options or session that uses it. May be called again.</summary>
    public void Dispose() => _handle.Dispose();
}
