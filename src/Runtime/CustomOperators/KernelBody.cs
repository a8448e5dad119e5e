namespace OrtZero.Runtime;

/// <summary>One piece of work of <see cref="KernelContext.ParallelFor(int, KernelBody)"/>.</summary>
/// <param name="index">Which piece, from 0 on.</param>
public delegate void KernelBody(int index);
