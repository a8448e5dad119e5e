namespace OrtZero.Training.Internal;

/// <summary>Decides by what validations measure which checkpoints are the best and when training has had its best time.</summary>
internal sealed class ModelSelection
{
    private readonly string? _watched;
    private readonly bool _watchesLess;
    private readonly int _keep;
    private readonly EarlyStoppingSection? _early;
    private readonly bool _stopsByLess;
    private List<BestModel> _best = [];
    private double? _stopBest;
    private int _bad;

    internal ModelSelection(TrainingConfiguration configuration)
    {
        var checkpoint = configuration.Checkpoint;
        _early = configuration.EarlyStopping;
        RestoresBest = _early is { RestoreBest: true };
        _watched = checkpoint.SaveBest ?? (RestoresBest ? _early!.Monitor : null);
        var rule = checkpoint.Rule ?? (checkpoint.SaveBest is null ? _early?.Rule : null);
        _watchesLess = _watched is not null && SelectionRules.IsLess(_watched, rule);
        _keep = checkpoint.BestMaxKeep;
        _stopsByLess = _early is not null && SelectionRules.IsLess(_early.Monitor, _early.Rule);
    }

    /// <summary>Whether training has gone without improvement for as long as early_stopping allows.</summary>
    internal bool IsOver => _early is not null && _bad >= _early.Patience;

    /// <summary>Whether the best checkpoint becomes the trained model.</summary>
    internal bool RestoresBest { get; }

    /// <summary>The best models so far, the best first.</summary>
    internal IReadOnlyList<BestModel> Best => _best;

    /// <summary>What a checkpoint needs to go on here. Null: nothing is selected.</summary>
    internal SelectionState? State => _watched is null && _early is null ? null : new SelectionState(_best, _stopBest, _bad);

    /// <summary>Goes on where a state was saved; null for the beginning.</summary>
    internal void Load(SelectionState? state) => (_best, _stopBest, _bad) = ([.. state?.Best ?? []], state?.StopBest, state?.Bad ?? 0);

    /// <summary>Takes one off the best, whose checkpoint is gone.</summary>
    internal void Forget(BestModel model) => _best.Remove(model);

    /// <summary>Takes what a validation measured.</summary>
    /// <param name="step">The checkpoint its parameters would be saved as.</param>
    /// <param name="validation">The validation.</param>
    /// <returns>Whether the model is to be saved as one of the best.</returns>
    /// <exception cref="TrainingException">The metric watched was not measured.</exception>
    internal bool Observe(long step, ValidationRecord validation)
    {
        if (_early is not null)
        {
            var value = Value(_early.Monitor, validation, "early_stopping.monitor");
            var gain = (_stopBest - value) * (_stopsByLess ? 1 : -1);
            var isBetter = double.IsFinite(value) && (gain is null || gain > _early.MinDelta);
            (_stopBest, _bad) = isBetter ? (value, 0) : (_stopBest, _bad + 1);
        }

        if (_watched is null)
        {
            return false;
        }

        var measured = Value(_watched, validation, "checkpoint.save_best");
        if (!double.IsFinite(measured))
        {
            return false;
        }

        // Of equal values the earlier is the better; a step is one checkpoint, whose parameters were measured again.
        _best.RemoveAll(model => model.Step == step);
        var position = _best.FindIndex(model => _watchesLess ? measured < model.Value : measured > model.Value);
        _best.Insert(position < 0 ? _best.Count : position, new BestModel(step, _watched, measured, validation));
        _best = _best[..Math.Min(_keep, _best.Count)];
        return _best.Exists(model => model.Step == step);
    }

    private static double Value(string monitor, ValidationRecord validation, string place) => monitor == "loss"
        ? validation.Loss
        : validation is { Value: { } value } && validation.Metric == monitor
            ? value
            : throw new TrainingException(
                $"{place} is \"{monitor}\", which validation does not measure: set it to \"loss\"{(validation.Metric is null ? "" : $" or \"{validation.Metric}\"")}.");
}
