using OrtZero.Autograd.Internal;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd;

/// <summary>
/// Compares the gradients of a training graph with finite differences of the model itself, both run by ONNX Runtime. The loss is a sum of
/// all real outputs, each element with a random weight, so that every output counts and no two errors cancel.
/// </summary>
public static class GradientCheck
{
    private const double SingleGradientTolerance = 2e-3;
    private const double HalfGradientTolerance = 5e-2;

    /// <summary>Compares parameter by parameter: along one random direction, and in a few single elements.</summary>
    /// <param name="environment">The environment to run in.</param>
    /// <param name="model">The imported model; it is not changed. Dropouts are compared switched off.</param>
    /// <param name="inputs">A tensor for every input of the model.</param>
    /// <param name="parameters">The initializers to compare, all of real numbers.</param>
    /// <param name="options">How thoroughly; <c>null</c>: the defaults.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between a parameter and the outputs has no gradient rule.</exception>
    /// <exception cref="GradientException">The model has no real output, or its outputs are not finite on these inputs.</exception>
    /// <exception cref="OrtException">ONNX Runtime cannot run the model on these inputs.</exception>
    public static GradientCheckReport Run(
        OrtEnvironment environment, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs, IReadOnlyList<string> parameters,
        GradientCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(parameters);
        options ??= new GradientCheckOptions();
        using var kernels = KernelLibrary.CreateDomain(environment);
        using var single = CheckedModel.Prepare(environment, kernels, WithoutDropout(model), inputs, parameters, options, options.Gradients);
        string? reason = null;
        using var precise = options.PreferDouble && DoublePrecision.Applies(model) ? InDouble() : null;
        var subject = precise ?? single;
        var isDouble = precise is not null || !DoublePrecision.Applies(model);
        var tolerance = options.Tolerance ?? (isDouble ? 1e-6 : 1e-2);
        var comparison = new SlopeComparison(subject.Function, isDouble, tolerance);
        var isHalf = model.Graph.Output.Any(output => output.ElementType() is TensorElementType.Float16 or TensorElementType.BFloat16);
        var whole = Math.Sqrt(subject.Gradients.Values.Sum(gradient => gradient.Sum(value => value * value)));
        var budget = ProbeBudget.Plan(options, parameters.Count, () => subject.Function.Evaluate());
        var checks = new ParameterGradientCheck[parameters.Count];
        foreach (var (i, position) in ProbeBudget.Spread(parameters.Count).Select((i, position) => (i, position)))
        {
            checks[i] = Check(parameters[i], i, isCompared: position == 0 || !budget.IsSpent);
        }

        var difference = Math.Abs(subject.TrainingLoss - comparison.Loss);
        return new GradientCheckReport
        {
            Parameters = checks,
            IsDouble = isDouble,
            SingleReason = isDouble ? null : reason,
            Loss = comparison.Loss,
            TrainingLoss = subject.TrainingLoss,
            LossAgrees = difference <= (isDouble ? 1e-9 : 1e-4) * Math.Max(1e-3, comparison.Magnitude),
            Tolerance = tolerance,
        };

        CheckedModel? InDouble()
        {
            var converted = inputs.ToDictionary(pair => pair.Key, pair => DoublePrecision.Convert(pair.Value), StringComparer.Ordinal);
            try
            {
                return CheckedModel.Prepare(
                    environment, kernels, DoublePrecision.Convert(WithoutDropout(model)), converted, parameters, options, new GradientOptions { FusedKernels = false });
            }
            catch (OrtException exception)
            {
                // Not all operators have float64 kernels, and only ONNX Runtime knows which.
                reason = exception.Message;
                return null;
            }
        }

        ParameterGradientCheck Check(string name, int index, bool isCompared)
        {
            var gradient = subject.Gradients[name];
            var norm = Math.Sqrt(gradient.Sum(value => value * value));
            var outcome = isCompared ? comparison.Compare(name, gradient, budget.Samples, new Random(HashCode(options.Seed, index)), whole) : default;
            double? deviation = null;
            if (precise is not null)
            {
                var floor = Math.Max(norm, 1e-4 * whole);
                var sum = gradient.Zip(single.Gradients[name]).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second));
                deviation = Math.Sqrt(sum) / (floor == 0 ? 1 : floor);
            }

            var type = model.Graph.FindInitializer(name)?.ElementType() ?? TensorElementType.Float;
            var limit = isHalf || type is TensorElementType.Float16 or TensorElementType.BFloat16 ? HalfGradientTolerance : SingleGradientTolerance;
            var finding = outcome.Finding ?? (deviation > limit || deviation is double.NaN
                ? FormattableString.Invariant($"in the model's own precision the gradient differs by {deviation:g3} of its norm")
                : null);
            return new ParameterGradientCheck(
                name, subject.Shapes[name], norm, outcome.Probes, outcome.Kinks, outcome.Deviation, deviation,
                !subject.Unreached.Contains(name), finding is null, finding);
        }
    }

    // Not System.HashCode, which differs from run to run.
    private static int HashCode(int seed, int index) => unchecked((seed * 7919) + index);

    private static OnnxModel WithoutDropout(OnnxModel model)
    {
        var copy = model.Clone();
        foreach (var node in copy.Graph.Node.Where(node => node is { OpType: "Dropout", Domain: "" or "ai.onnx", Input.Count: > 2 }))
        {
            node.Input.RemoveAt(2);
        }

        return copy;
    }
}
