using OrtZero.Mpi;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <content>What is trained at the moment, which phases of fine-tuning change.</content>
public sealed partial class ZeroEngine
{
    private readonly bool[] _frozen;
    private bool[] _trained;
    private bool[] _movingBuckets;
    private GradientNorm _norm;

    /// <summary>
    /// Changes which parameters updates move from now on: the others keep their values and their optimizer state, need no gradient and
    /// do not count in the norm. Between updates; a graph of <see cref="AttachReduceGrad"/> computes the gradients of what is trained when
    /// it is made.
    /// </summary>
    /// <param name="names">The parameters; null for all that are not frozen.</param>
    /// <exception cref="ShardingException">A name is unknown or belongs to a frozen parameter, or there is none at all.</exception>
    public void Train(IReadOnlyCollection<string>? names)
    {
        var trained = new bool[_frozen.Length];
        foreach (var name in names ?? [.. Plan.Parameters.Where((_, index) => !_frozen[index]).Select(parameter => parameter.Name)])
        {
            var index = Plan.IndexOf(name);
            trained[index] = !_frozen[index]
                ? true
                : throw new ShardingException($"Parameter '{name}' is frozen for the whole run, so no phase can train it: take it out of model.frozen.");
        }

        if (Array.IndexOf(trained, true) < 0)
        {
            throw new ShardingException("There is no parameter to train: name at least one.");
        }

        _gradients.Expect(trained);
        _trained = trained;
        _movingBuckets = MovingBuckets();
        _norm = new GradientNorm(Plan, Communicator, trained);
        _optimizer.Train(trained);
        ForgetWatch();
    }

    // Those of gathered parameters are fetched when a run needs them, and what no update moves is everywhere already.
    private void GatherUpdated(ICommunicator communicator, int index)
    {
        if (_movingBuckets[index] && Plan.Buckets[index].Offset >= Plan.SharedOffset)
        {
            GatherParameters(communicator, index);
        }
    }

    private bool[] MovingBuckets()
    {
        var moving = new bool[Plan.Buckets.Count];
        foreach (var range in Plan.AllRanges())
        {
            moving[range.Bucket] |= _trained[range.Parameter];
        }

        return moving;
    }
}
