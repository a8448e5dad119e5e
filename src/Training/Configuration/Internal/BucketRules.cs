namespace OrtZero.Training.Internal;

/// <summary>What a <c>buckets</c> section shows without the data.</summary>
internal static class BucketRules
{
    /// <summary>Reports mistakes: a sentence and the steps of the key path.</summary>
    /// <param name="data">The section around it; values with mistakes may be null.</param>
    /// <param name="name">"train" or "val".</param>
    /// <param name="report">Takes them.</param>
    public static void Check(DatasetSection? data, string name, Action<string, string[]> report)
    {
        if (data?.Buckets is not { } buckets || data.Fields is not { } fields)
        {
            return;
        }

        string[] place = ["data", name, "buckets"];
        if (data.BucketCount > 1)
        {
            report("cuts single arrays, but a field lists an array for each length; remove one of them.", place);
        }

        if (buckets.Lengths is { } lengths && (lengths.Count == 0 || !lengths.Zip(lengths.Skip(1)).All(pair => pair.First < pair.Second)))
        {
            report("must be lengths that rise, for example [64, 256].", [.. place, "lengths"]);
        }

        if (buckets.Fields is { } cut)
        {
            foreach (var field in cut.Where(field => field is not null && !fields.ContainsKey(field)))
            {
                var near = NearestName.Find(field, fields.Keys);
                report($"names the data field \"{field}\", which data.{name}.fields does not have; "
                    + (near is null ? $"it has {string.Join(", ", fields.Keys.Select(key => $"\"{key}\""))}." : $"did you mean \"{near}\"?"), [.. place, "fields"]);
            }

            if (cut.Count == 0)
            {
                report($"is empty; name the fields to cut, for example {string.Join(", ", fields.Keys.Take(2).Select(key => $"\"{key}\""))}.", [.. place, "fields"]);
            }
            else if (buckets.PadField is { } padded && !cut.Contains(padded))
            {
                report("is not one of the fields that are cut; name one of them.", [.. place, "pad_field"]);
            }
        }

        if ((buckets.SampleLengths is null) == (buckets.PadValue is null))
        {
            report(
                buckets.PadValue is null
                    ? "does not say how long samples are; add \"sample_lengths\": \"lengths.npy\" or \"pad_value\": -100."
                    : "has both sample_lengths and pad_value; remove one of them.",
                place);
        }
        else if (buckets is { PadField: not null, PadValue: null })
        {
            report("is for pad_value; remove it.", [.. place, "pad_field"]);
        }
    }
}
