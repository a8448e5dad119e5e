namespace OrtZero.Sharding.Tests.Optimizers;

/// <summary>An optimizer with some of its options, and what its paper (or PyTorch's documentation of it) says it does.</summary>
internal sealed record OptimizerCase(OptimizerSettings Settings, OptimizerJob.Formula Formula, double Tolerance = 2e-6)
{
    private static readonly OptimizerSettings s_base = new() { LearningRate = 2e-2, WeightDecay = 0.1 };

    public static IReadOnlyDictionary<string, OptimizerCase> All { get; } = new Dictionary<string, OptimizerCase>
    {
        ["AdamW"] = new(Of("AdamW"), AdamW),
        ["Adam"] = new(Of("Adam"), Adam),
        ["SGD"] = new(Of("SGD"), (w, g, state, settings, t) => Sgd(w, g, state, settings, t, 0, false)),
        ["SGD with momentum"] = new(
            Of("SGD") with { Momentum = 0.9, Dampening = 0.3 }, (w, g, state, settings, t) => Sgd(w, g, state, settings, t, 0.3, false)),
        ["SGD with Nesterov's momentum"] = new(
            Of("SGD") with { Momentum = 0.9, Nesterov = true }, (w, g, state, settings, t) => Sgd(w, g, state, settings, t, 0, true)),
        ["RMSprop"] = new(Of("RMSprop") with { LearningRate = 5e-3 }, (w, g, state, settings, _) => RmsProp(w, g, state, settings, false)),
        ["RMSprop, centered, with momentum"] = new(
            Of("RMSprop") with { LearningRate = 5e-3, Momentum = 0.8, Centered = true, Epsilon = 1e-3 }, (w, g, state, settings, _) => RmsProp(w, g, state, settings, true)),
        ["Adagrad"] = new(
            Of("Adagrad") with { LearningRateDecay = 0.2, InitialAccumulatorValue = 0.05 }, Adagrad),
        ["Lion"] = new(Of("Lion"), Lion),
        ["LAMB"] = new(Of("LAMB"), Lamb),
    };

    private static OptimizerSettings Of(string type)
    {
        var defaults = OptimizerSettings.For(type);
        return defaults with { LearningRate = s_base.LearningRate, WeightDecay = s_base.WeightDecay };
    }

    private static double[][] Zeros(double[] w, int count) => [.. Enumerable.Range(0, count).Select(_ => new double[w.Length])];

    public static double[][] AdamW(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        for (var i = 0; i < w.Length; i++)
        {
            w[i] -= settings.LearningRate * settings.WeightDecay * w[i];
        }

        return Adam(w, g, state, settings with { WeightDecay = 0 }, t);
    }

    // Kingma and Ba 2015, algorithm 1.
    private static double[][] Adam(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        state ??= Zeros(w, 2);
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] + (settings.WeightDecay * w[i]);
            state[0][i] = (settings.Beta1 * state[0][i]) + ((1 - settings.Beta1) * gradient);
            state[1][i] = (settings.Beta2 * state[1][i]) + ((1 - settings.Beta2) * gradient * gradient);
            var mean = state[0][i] / (1 - Math.Pow(settings.Beta1, t));
            var square = state[1][i] / (1 - Math.Pow(settings.Beta2, t));
            w[i] -= settings.LearningRate * mean / (Math.Sqrt(square) + settings.Epsilon);
        }

        return state;
    }

    // torch.optim.SGD's pseudocode.
    private static double[][] Sgd(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t, double dampening, bool nesterov)
    {
        state ??= Zeros(w, 1);
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] + (settings.WeightDecay * w[i]);
            if (settings.Momentum != 0)
            {
                state[0][i] = t == 1 ? gradient : (settings.Momentum * state[0][i]) + ((1 - dampening) * gradient);
                gradient = nesterov ? gradient + (settings.Momentum * state[0][i]) : state[0][i];
            }

            w[i] -= settings.LearningRate * gradient;
        }

        return state;
    }

    // torch.optim.RMSprop's pseudocode.
    private static double[][] RmsProp(double[] w, double[] g, double[][]? state, ParameterSettings settings, bool centered)
    {
        const double Alpha = 0.99;
        state ??= Zeros(w, 3);
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] + (settings.WeightDecay * w[i]);
            state[0][i] = (Alpha * state[0][i]) + ((1 - Alpha) * gradient * gradient);
            state[1][i] = (Alpha * state[1][i]) + ((1 - Alpha) * gradient);
            var square = state[0][i] - (centered ? state[1][i] * state[1][i] : 0);
            state[2][i] = (settings.Momentum * state[2][i]) + (gradient / (Math.Sqrt(square) + settings.Epsilon));
            w[i] -= settings.LearningRate * state[2][i];
        }

        return state;
    }

    // Duchi, Hazan and Singer 2011 with torch.optim.Adagrad's decay of the rate.
    private static double[][] Adagrad(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        state ??= [[.. w.Select(_ => 0.05)]];
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] + (settings.WeightDecay * w[i]);
            state[0][i] += gradient * gradient;
            w[i] -= settings.LearningRate / (1 + ((t - 1) * 0.2)) * gradient / (Math.Sqrt(state[0][i]) + settings.Epsilon);
        }

        return state;
    }

    // Chen et al. 2023, algorithm 2.
    private static double[][] Lion(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        state ??= Zeros(w, 1);
        for (var i = 0; i < w.Length; i++)
        {
            var direction = Math.Sign((settings.Beta1 * state[0][i]) + ((1 - settings.Beta1) * g[i]));
            w[i] -= settings.LearningRate * (direction + (settings.WeightDecay * w[i]));
            state[0][i] = (settings.Beta2 * state[0][i]) + ((1 - settings.Beta2) * g[i]);
        }

        return state;
    }

    // You et al. 2020, algorithm 2.
    private static double[][] Lamb(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        state ??= Zeros(w, 2);
        var direction = new double[w.Length];
        for (var i = 0; i < w.Length; i++)
        {
            state[0][i] = (settings.Beta1 * state[0][i]) + ((1 - settings.Beta1) * g[i]);
            state[1][i] = (settings.Beta2 * state[1][i]) + ((1 - settings.Beta2) * g[i] * g[i]);
            var mean = state[0][i] / (1 - Math.Pow(settings.Beta1, t));
            var square = state[1][i] / (1 - Math.Pow(settings.Beta2, t));
            direction[i] = (mean / (Math.Sqrt(square) + settings.Epsilon)) + (settings.WeightDecay * w[i]);
        }

        var (length, step) = (Norm(w), Norm(direction));
        var ratio = length > 0 && step > 0 ? length / step : 1;
        for (var i = 0; i < w.Length; i++)
        {
            w[i] -= settings.LearningRate * ratio * direction[i];
        }

        return state;
    }

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
}
