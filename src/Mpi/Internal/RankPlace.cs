namespace OrtZero.Mpi.Internal;

/// <summary>A process's number among all and among those of its machine.</summary>
internal readonly record struct RankPlace(int Rank, int Size, int LocalRank, int LocalSize);
