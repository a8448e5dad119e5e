namespace OrtZero.Sharding;

/// <summary>A parameter's whole value in row-major order, valid until the next one is asked for.</summary>
/// <param name="name">The parameter.</param>
/// <exception cref="ShardingException">There is no parameter of that name.</exception>
public delegate ReadOnlySpan<float> ParameterValue(string name);
