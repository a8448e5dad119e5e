namespace OrtZero.Training.Internal;

/// <summary>What <c>model.loss</c> must keep to beyond its single values.</summary>
/// <param name="report">Takes a sentence and the steps of the key it is about.</param>
/// <param name="hasMistake">Whether a mistake of a key path is known already.</param>
internal sealed class LossRules(Action<string, string[]> report, Func<string, bool> hasMistake)
{
    private static readonly LossSection s_defaults = new() { Type = default, Output = "" };

    /// <summary>Checks every loss.</summary>
    /// <param name="losses">As bound; a loss with a mistake may be null.</param>
    /// <param name="isList">Whether the file has a list rather than one object.</param>
    /// <param name="data">The data section, or null where it has a mistake.</param>
    /// <param name="fields">The names of the fields of data.train.</param>
    public void Check(IReadOnlyList<LossSection?>? losses, bool isList, DataSection? data, ICollection<string> fields)
    {
        if (losses is null)
        {
            return;
        }

        if (losses.Count == 0)
        {
            report("is an empty list; name at least one loss.", ["model", "loss"]);
        }

        for (var index = 0; index < losses.Count; index++)
        {
            string[] place = isList ? ["model", "loss", $"{index}"] : ["model", "loss"];
            if (losses[index] is { } loss && !hasMistake(string.Join('.', [.. place, "type"])))
            {
                CheckNames(loss, place, data, fields);
                CheckOwnKeys(loss, place);
            }
        }
    }

    private void CheckNames(LossSection loss, string[] place, DataSection? data, ICollection<string> fields)
    {
        if (loss is { Output.Length: 0 })
        {
            report("is an empty string, but must name a model output.", [.. place, "output"]);
        }

        if (loss is { Type: LossKind.ModelOutput, Labels: not null })
        {
            report("is not used by a loss of type \"output\"; remove it, or feed the field as a model input.", [.. place, "labels"]);
        }
        else if (loss.Type != LossKind.ModelOutput && string.IsNullOrEmpty(loss.Labels))
        {
            report("must name the data field with the labels; add \"labels\": \"labels\".", [.. place, "labels"]);
        }
        else if (loss.Labels is { } labels && data?.Train?.Fields is { Count: > 0 } && !fields.Contains(labels))
        {
            var near = NearestName.Find(labels, fields);
            report($"names the data field \"{labels}\", which data.train.fields does not have; "
                + (near is null ? $"it has {string.Join(", ", fields.Select(name => $"\"{name}\""))}." : $"did you mean \"{near}\"?"), [.. place, "labels"]);
        }
    }

    private void CheckOwnKeys(LossSection loss, string[] place)
    {
        Only(LossKind.CrossEntropy, "cross_entropy", "ignore_index", loss.IgnoreIndex != s_defaults.IgnoreIndex);
        Only(LossKind.CrossEntropy, "cross_entropy", "class_weights", loss.ClassWeights is not null);
        Only(LossKind.CrossEntropy, "cross_entropy", "label_smoothing", loss.LabelSmoothing != 0);
        Only(LossKind.CrossEntropy, "cross_entropy", "axis", loss.Axis != s_defaults.Axis);
        Only(LossKind.Huber, "huber", "delta", loss.Delta != s_defaults.Delta);
        Only(LossKind.BinaryCrossEntropy, "bce_with_logits", "pos_weight", loss.PosWeight is not null);

        void Only(LossKind kind, string name, string key, bool isSet)
        {
            if (isSet && loss.Type != kind)
            {
                report($"is for a loss of type \"{name}\"; remove it.", [.. place, key]);
            }
        }
    }
}
