using System.Runtime.InteropServices;
using OrtZero.Kernels;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Muon (Jordan et al. 2024) as torch.optim.Muon for the weights of linear layers, AdamW for everything else. The direction of a
/// weight is the orthogonalized momentum of the whole matrix; its step is scaled by 0.2 sqrt(max(rows, columns)) (Liu et al., "Muon
/// is Scalable for LLM Training") so that one learning rate suits both halves, or by Jordan's sqrt(max(1, rows / columns)).
/// </summary>
/// <remarks>
/// The matrices are dealt to the ranks, largest first. The owner of a matrix receives the pieces that others hold, orthogonalizes it
/// and sends the pieces back, so every matrix is computed once, by one program order, and the bits depend on no world size.
/// </remarks>
internal sealed class MuonOptimizer : Optimizer
{
    private const int Tag = 17;
    private static readonly string[] s_states = ["exp_avg", "exp_avg_sq", "momentum_buffer"];
    private readonly OptimizerSettings _options;
    private readonly PartitionPlan _plan;
    private readonly int[] _matrices;
    private readonly long _wholeLength;
    private readonly long _scratchLength;
    private float[] _whole = [];
    private float[] _scratch = [];
    private float[] _piece = [];
    private int[][] _own = [];
    private ShardRange[][][] _rangesByRank = [];

    public MuonOptimizer(OptimizerSettings options, PartitionPlan plan, ParameterSettings[] settings, int rank)
    {
        _options = options;
        _plan = plan;
        _matrices = [.. Enumerable.Range(0, settings.Length).Where(parameter => !settings[parameter].Frozen && IsMatrix(settings[parameter])).OrderByDescending(Cost)];
        var own = _matrices.Where((_, position) => position % plan.WorldSize == rank).Select(parameter => plan.Parameters[parameter]).ToList();
        _wholeLength = own.Select(matrix => matrix.Length).DefaultIfEmpty().Max();
        _scratchLength = own.Select(ScratchLength).DefaultIfEmpty().Max();
    }

    public override IReadOnlyList<string> StateNames => s_states;

    public override long ByteLength => (_wholeLength + _scratchLength) * sizeof(float);

    public override bool HasState(int state, ParameterSettings settings) => IsMatrix(settings) == (state == 2);

    public override void TrainedChanged() => _own = [];

    public override void Prepare(OptimizerPass pass)
    {
        if (_own.Length == 0)
        {
            Allocate(pass);
        }

        var ranks = pass.Communicator.Size;
        for (var first = 0; first < _matrices.Length; first += ranks)
        {
            // One matrix for each rank: collect them all, then work at the same time, then give the pieces back.
            var count = Math.Min(ranks, _matrices.Length - first);
            for (var owner = 0; owner < count; owner++)
            {
                if (pass.IsTrained(_matrices[first + owner]))
                {
                    Collect(pass, first + owner, owner);
                }
            }

            if (pass.Communicator.Rank < count && pass.IsTrained(_matrices[first + pass.Communicator.Rank]))
            {
                var parameter = _matrices[first + pass.Communicator.Rank];
                NewtonSchulz.Orthogonalize(Whole(parameter), Rows(parameter), Columns(parameter), _options.NewtonSchulzSteps, _scratch);
            }

            for (var owner = 0; owner < count; owner++)
            {
                if (pass.IsTrained(_matrices[first + owner]))
                {
                    Return(pass, first + owner, owner);
                }
            }
        }
    }

    public override bool MovesAhead(ParameterSettings settings) => IsMatrix(settings);

    public override void Update(in RangeContext range)
    {
        if (!IsMatrix(range.Settings))
        {
            AdamWOptimizer.Step(range);
        }
    }

    private static bool IsMatrix(ParameterSettings settings) =>
        settings is { Kind: ParameterKind.Linear, Shape.Length: 2, UseMuon: true } && settings.Shape[0] > 0 && settings.Shape[1] > 0;

    private static long ScratchLength(PlannedParameter matrix)
    {
        var length = matrix.Length < Array.MaxLength ? NewtonSchulz.ScratchLength((int)matrix.Shape[0], (int)matrix.Shape[1]) : long.MaxValue;
        return length < Array.MaxLength
            ? length
            : throw new ShardingException(
                $"Muon cannot orthogonalize '{matrix.Name}' of [{string.Join(", ", matrix.Shape)}], which is too large: leave it to AdamW with \"use_muon\": false under a custom key.");
    }

    private int Rows(int parameter) => (int)_plan.Parameters[parameter].Shape[0];

    private int Columns(int parameter) => (int)_plan.Parameters[parameter].Shape[1];

    private double Cost(int parameter) => (double)_plan.Parameters[parameter].Length * Math.Min(Rows(parameter), Columns(parameter));

    private Span<float> Whole(int parameter) => _whole.AsSpan(0, (int)_plan.Parameters[parameter].Length);

    private void Allocate(OptimizerPass pass)
    {
        _whole = new float[_wholeLength];
        _scratch = new float[_scratchLength];
        _own = Array.ConvertAll(_matrices, parameter => Enumerable.Range(0, pass.Count).Where(index => pass[index].Parameter == parameter).ToArray());
        var byRank = Enumerable.Range(0, pass.Communicator.Size).Select(pass.RangesOf).ToList();
        _rangesByRank = Array.ConvertAll(_matrices, parameter => byRank.ConvertAll(ranges => ranges.Where(range => range.Parameter == parameter).ToArray()).ToArray());
        _piece = new float[_own.SelectMany(indices => indices).Select(index => pass[index].Weights.Length).DefaultIfEmpty().Max()];
    }

    // The direction before orthogonalization: computed where the pieces are, brought together at the owner.
    private void Collect(OptimizerPass pass, int matrix, int owner)
    {
        var ranks = pass.Communicator;
        var whole = ranks.Rank == owner ? Whole(_matrices[matrix]) : default;
        foreach (var index in _own[matrix])
        {
            var range = pass[index];
            var direction = ranks.Rank == owner ? whole.Slice((int)range.Start, range.Weights.Length) : _piece.AsSpan(0, range.Weights.Length);
            var rule = new MuonMomentumRule(range.Momentum, _options.Nesterov, range.GradientScale);
            ElementwiseKernel.Run(rule, range.Weights, range.Gradients, range.Third, direction);
            if (pass.Sharded && ranks.Rank != owner)
            {
                ranks.Send(MemoryMarshal.AsBytes(direction), owner, Tag);
            }
        }

        if (pass.Sharded && ranks.Rank == owner)
        {
            for (var rank = 0; rank < ranks.Size; rank++)
            {
                foreach (ref readonly var range in Others(matrix, rank, owner))
                {
                    ranks.Receive(MemoryMarshal.AsBytes(whole.Slice((int)range.Start, range.Length)), rank, Tag);
                }
            }
        }
    }

    private void Return(OptimizerPass pass, int matrix, int owner)
    {
        var ranks = pass.Communicator;
        var whole = ranks.Rank == owner ? Whole(_matrices[matrix]) : default;
        foreach (var index in _own[matrix])
        {
            var range = pass[index];
            var direction = ranks.Rank == owner ? whole.Slice((int)range.Start, range.Weights.Length) : _piece.AsSpan(0, range.Weights.Length);
            if (!pass.Sharded && ranks.Size > 1)
            {
                ranks.Broadcast(MemoryMarshal.AsBytes(direction), owner);
            }
            else if (ranks.Rank != owner)
            {
                ranks.Receive(MemoryMarshal.AsBytes(direction), owner, Tag);
            }

            var size = range.LearningRate * Adjustment(_matrices[matrix]);
            ElementwiseKernel.Run(new DecayedStepRule(1 - (range.LearningRate * range.WeightDecay), size), range.Weights, direction);
        }

        if (pass.Sharded && ranks.Rank == owner)
        {
            for (var rank = 0; rank < ranks.Size; rank++)
            {
                foreach (ref readonly var range in Others(matrix, rank, owner))
                {
                    ranks.Send(MemoryMarshal.AsBytes(whole.Slice((int)range.Start, range.Length)), rank, Tag);
                }
            }
        }
    }

    private ReadOnlySpan<ShardRange> Others(int matrix, int rank, int owner) => rank == owner ? [] : _rangesByRank[matrix][rank];

    private double Adjustment(int parameter) => _options.AdjustLearningRate == "original"
        ? Math.Sqrt(Math.Max(1, (double)Rows(parameter) / Columns(parameter)))
        : 0.2 * Math.Sqrt(Math.Max(Rows(parameter), Columns(parameter)));
}
