namespace OrtZero.Runtime;

/// <summary>
/// The work of <see cref="KernelContext.ParallelFor{TBody}(int, in TBody)"/> as a struct, which may hold spans and costs no
/// allocation. Every thread works on the same copy, so pieces must not write to its fields.
/// </summary>
public interface IParallelBody
{
    /// <summary>Does one piece of work.</summary>
    /// <param name="index">Which piece, from 0 on.</param>
    void Invoke(int index);
}
