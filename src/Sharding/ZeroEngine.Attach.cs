using OrtZero.Autograd;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <content>What the engine puts into training graphs.</content>
public sealed partial class ZeroEngine
{
    /// <summary>The most elements of gathered parameters that were whole at a time in the runs so far of the attached graphs; see
    /// <see cref="ZeroOptions.MaxLiveElements"/>. 0 below stage 3.</summary>
    public long PeakLiveElements => _gatherers.Select(gatherer => gatherer.PeakLive).DefaultIfEmpty().Max();

    /// <summary>The most bytes of gathered parameters that a run of the attached graphs has inside the graph at one time, at stage 3.</summary>
    public long GatheredBytes => _gatherers.Select(gatherer => gatherer.Schedule.MostLive).DefaultIfEmpty().Max() * sizeof(float);

    /// <summary>
    /// Ends every gradient of a training graph in a ReduceGrad node and leaves <see cref="TokenOutput"/> in their place as graph
    /// output. At stage 3, sharded parameters are no inputs any more but begin in GatherParam nodes. The graph given is not changed. A
    /// later call takes the place of an earlier one at stage 3. Collective there. The gradients keep their names (<see cref="TrainableParameter.GradientName"/>) as
    /// values inside the graph.
    /// </summary>
    /// <exception cref="ShardingException">Graph and plan disagree about a parameter.</exception>
    public TrainingGraph AttachReduceGrad(TrainingGraph graph) => AttachAll([graph])[0];

    /// <summary>The same for several graphs over the same parameters, as for samples of several lengths; a run of each is announced by
    /// <see cref="BeginMicroBatch"/> with its place.</summary>
    /// <exception cref="ShardingException">A graph and the plan disagree about a parameter.</exception>
    public IReadOnlyList<TrainingGraph> AttachAll(IReadOnlyList<TrainingGraph> graphs)
    {
        ArgumentNullException.ThrowIfNull(graphs);
        TrainingGraph[] attached = [.. graphs.Select(graph => ReduceGradPass.Attach(graph, Plan, _trained, OperatorDomain))];
        if (Plan.SharedOffset > 0)
        {
            var schedules = Array.ConvertAll(
                attached, graph => GatherParamPass.Attach(graph, Plan, _options.MaxReuseDistance, _options.MaxLiveElements, OperatorDomain));
            DisposeGatherers();
            _gatherers = new ParameterGatherer[schedules.Length];
            for (var index = 0; index < schedules.Length; index++)
            {
                // Graphs that gather alike share the buffers and the thread.
                _gatherers[index] = Array.Find(_gatherers[..index], other => other.Schedule == schedules[index])
                    ?? new ParameterGatherer(Plan, _parameters, Communicator, schedules[index], _options.Ahead, _options.MaxLiveElements) { Trace = Trace };
            }

            _gatherer = _gatherers[0];
        }

        return attached;
    }

    private bool DisposeGatherers() => _gatherers.Distinct().Aggregate(true, (all, gatherer) => gatherer.TryDispose() & all);
}
