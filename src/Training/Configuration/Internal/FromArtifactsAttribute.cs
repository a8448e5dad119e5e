namespace OrtZero.Training.Internal;

/// <summary>Marks a required key that need not be given where <c>model.artifacts</c> is, because it is read there.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class FromArtifactsAttribute : Attribute
{
}
