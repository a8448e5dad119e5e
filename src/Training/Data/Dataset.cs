namespace OrtZero.Training;

/// <summary>The arrays of one data section, all with the same number of samples.</summary>
public sealed class Dataset : IDisposable
{
    private readonly List<IDisposable> _files = [];
    private readonly OrderedDictionary<string, DataField> _fields = new(StringComparer.Ordinal);

    private Dataset(string name) => Name = name;

    /// <summary>The section it comes from, for messages: "data.train".</summary>
    public string Name { get; }

    /// <summary>The number of samples.</summary>
    public int Count { get; private set; }

    /// <summary>The fields in the order of cfg.json.</summary>
    public IReadOnlyDictionary<string, DataField> Fields => _fields;

    /// <summary>Opens the arrays of a section.</summary>
    /// <param name="section">The section.</param>
    /// <param name="name">Its key path, for messages.</param>
    /// <param name="bucket">Which of its lengths of samples.</param>
    /// <exception cref="DataException">
    /// A file cannot be read, an array is a scalar or empty, or the numbers of samples differ.
    /// </exception>
    public static Dataset Open(DatasetSection section, string name, int bucket = 0)
    {
        ArgumentNullException.ThrowIfNull(section);
        var dataset = new Dataset(name);
        try
        {
            dataset.OpenFields(section, bucket);
            return dataset;
        }
        catch
        {
            dataset.Dispose();
            throw;
        }
    }

    /// <summary>Opens all lengths of samples of a section, in their order.</summary>
    /// <param name="section">The section.</param>
    /// <param name="name">Its key path, for messages.</param>
    /// <exception cref="DataException">As <see cref="Open"/>.</exception>
    public static IReadOnlyList<Dataset> OpenBuckets(DatasetSection section, string name)
    {
        ArgumentNullException.ThrowIfNull(section);
        if (section.Buckets is { } buckets)
        {
            return Cut(Open(section, name), buckets);
        }

        var datasets = new List<Dataset>();
        try
        {
            for (var bucket = 0; bucket < section.BucketCount; bucket++)
            {
                datasets.Add(Open(section, name, bucket));
            }

            return datasets;
        }
        catch
        {
            datasets.ForEach(dataset => dataset.Dispose());
            throw;
        }
    }

    /// <summary>Whether samples have the shapes of another data set's.</summary>
    internal bool HasShapesOf(Dataset other) => _fields.Count == other._fields.Count && _fields.Values.All(field =>
        other._fields.TryGetValue(field.Name, out var same) && same.SampleShape.SequenceEqual(field.SampleShape));

    /// <summary>Elements of a sample in all fields together.</summary>
    internal long SampleElements => _fields.Values.Sum(item => item.SampleElements);

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    // Which are empty are left out; the files belong to the first.
    private static List<Dataset> Cut(Dataset whole, BucketsSection section)
    {
        try
        {
            var datasets = new List<Dataset>();
            foreach (var (bucket, samples) in Internal.SampleBuckets.Divide(section, whole.Name, whole._fields, whole.Count).Index().Where(item => item.Item.Length > 0))
            {
                var dataset = new Dataset(whole.Name) { Count = samples.Length };
                foreach (var (name, field) in whole._fields)
                {
                    dataset._fields.Add(name, new DataField(field, samples, section.Fields.Contains(name) ? section.Lengths[bucket] : null));
                }

                datasets.Add(dataset);
            }

            datasets[0]._files.AddRange(whole._files);
            return datasets;
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    private void OpenFields(DatasetSection section, int bucket)
    {
        var archives = new Dictionary<string, NpzArchive>(StringComparer.Ordinal);
        foreach (var (field, listed) in section.Fields)
        {
            var source = bucket == 0 ? listed : listed.Others[bucket - 1];
            var array = OpenArray(source, archives);
            if (array.Shape.Count == 0 || array.Shape[0] is 0 or > int.MaxValue)
            {
                throw new DataException(
                    $"{Name}.fields.{field}: {array.Name} has the shape {Internal.NpyHeader.TextOf(array.Shape)}; its first axis must count samples, from 1 to {int.MaxValue}.");
            }

            var count = (int)array.Shape[0];
            if (_fields.Count > 0 && count != Count)
            {
                var first = _fields.GetAt(0).Value;
                throw new DataException(
                    $"{Name}: the field \"{first.Name}\" ({first.Array.Name}) has {Count} samples, but \"{field}\" ({array.Name}) has {count}; every field must have the same number.");
            }

            Count = count;
            _fields.Add(field, new DataField(field, array));
        }
    }

    private NpyFile OpenArray(DataFieldSource source, Dictionary<string, NpzArchive> archives)
    {
        if (!source.Path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            var file = NpyFile.Open(source.Path);
            _files.Add(file);
            return file;
        }

        if (!archives.TryGetValue(source.Path, out var archive))
        {
            archive = NpzArchive.Open(source.Path);
            _files.Add(archive);
            archives.Add(source.Path, archive);
        }

        return archive.Array(source.Array);
    }
}
