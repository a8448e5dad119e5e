namespace OrtZero.Mpi.Internal;

/// <summary>The types of element that operations tell apart.</summary>
internal enum ElementKind : byte
{
    Byte,
    Single,
    Double,
    Int64,
}
