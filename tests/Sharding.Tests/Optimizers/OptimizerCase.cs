namespace OrtZero.Sharding.Tests.Optimizers;

/// <summary>An optimizer with some of its options, and what its paper (or PyTorch's documentation of it) says it does.</summary>
internal sealed record OptimizerCase(OptimizerSettings Settings, OptimizerJob.Formula Formula, double Tolerance = 2e-6)
{
    private static readonly OptimizerSettings s_base = new() { LearningRate = 2e-2, WeightDecay = 0.1 };

    public static IReadOnlyDictionary<string, OptimizerCase> All { get; } = new Dictionary<string, OptimizerCase>
    {
        ["AdamW"] = new(Of("AdamW"), AdamW),
        ["AdamW in Hugging Face's order"] = new(Of("AdamW") with { Epsilon = 1e-2, DecayAfterUpdate = true }, (w, g, state, settings, t) => HuggingFaceAdamW(w, g, state, settings, t, true)),
        ["AdamW in that order, not corrected"] = new(
            Of("AdamW") with { Epsilon = 1e-2, DecayAfterUpdate = true, CorrectBias = false }, (w, g, state, settings, t) => HuggingFaceAdamW(w, g, state, settings, t, false)),
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
        ["Adafactor"] = new(Of("Adafactor") with { ClipThreshold = 0.8 }, Adafactor, 1e-5),
        ["Muon"] = new(Of("Muon"), (w, g, state, settings, t) => Muon(w, g, state, settings, t, true), 1e-5),
        ["Muon, original, without Nesterov's momentum"] = new(
            Of("Muon") with { Nesterov = false, AdjustLearningRate = "original", NewtonSchulzSteps = 3 },
            (w, g, state, settings, t) => Muon(w, g, state, settings, t, false), 1e-5),
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

    // transformers.AdamW, which is adam_mode 1 of com.microsoft.AdamWOptimizer.
    private static double[][] HuggingFaceAdamW(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t, bool correct)
    {
        state ??= Zeros(w, 2);
        var size = settings.LearningRate * (correct ? Math.Sqrt(1 - Math.Pow(settings.Beta2, t)) / (1 - Math.Pow(settings.Beta1, t)) : 1);
        for (var i = 0; i < w.Length; i++)
        {
            state[0][i] = (settings.Beta1 * state[0][i]) + ((1 - settings.Beta1) * g[i]);
            state[1][i] = (settings.Beta2 * state[1][i]) + ((1 - settings.Beta2) * g[i] * g[i]);
            w[i] -= size * state[0][i] / (Math.Sqrt(state[1][i]) + settings.Epsilon);
            w[i] -= settings.LearningRate * settings.WeightDecay * w[i];
        }

        return state;
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

    // torch.optim.Adafactor's pseudocode, after Shazeer and Stern 2018.
    private static double[][] Adafactor(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t)
    {
        const double Epsilon1 = 1.0 / (1 << 23);
        var shape = settings.Shape;
        var rate = Math.Pow(t, -0.8);
        var (rows, columns) = shape.Length >= 2 ? ((int)shape[^2], (int)shape[^1]) : (1, w.Length);
        var factored = shape.Length >= 2 && w.Length > 0;
        state ??= factored ? [new double[w.Length / columns], new double[w.Length / rows]] : [new double[w.Length]];
        var variance = new double[w.Length];
        if (factored)
        {
            for (var row = 0; row < state[0].Length; row++)
            {
                state[0][row] += rate * (g.Skip(row * columns).Take(columns).Sum(value => value * value / columns) - state[0][row]);
            }

            for (var column = 0; column < state[1].Length; column++)
            {
                var start = (column / columns * rows * columns) + (column % columns);
                state[1][column] += rate * (Enumerable.Range(0, rows).Sum(row => g[start + (row * columns)] * g[start + (row * columns)] / rows) - state[1][column]);
            }

            for (var i = 0; i < w.Length; i++)
            {
                var row = i / columns;
                var mean = Math.Max(state[0].Skip(row / rows * rows).Take(rows).Average(), Epsilon1);
                variance[i] = state[0][row] * state[1][(row / rows * columns) + (i % columns)] / mean;
            }
        }
        else
        {
            for (var i = 0; i < w.Length; i++)
            {
                variance[i] = state[0][i] += rate * ((g[i] * g[i]) - state[0][i]);
            }
        }

        var direction = g.Select((value, i) => value / Math.Sqrt(Math.Max(variance[i], Epsilon1 * Epsilon1))).ToArray();
        var step = Math.Max(1e-3, Norm(w) / Math.Sqrt(w.Length)) * Math.Min(settings.LearningRate, 1 / Math.Sqrt(t))
            / Math.Max(1, Norm(direction) / (Math.Sqrt(w.Length) * 0.8));
        for (var i = 0; i < w.Length; i++)
        {
            w[i] -= (settings.LearningRate * settings.WeightDecay * w[i]) + (step * direction[i]);
        }

        return state;
    }

    // torch.optim.Muon's pseudocode, after Jordan et al. 2024, and AdamW for all that is no weight of a linear layer.
    private static double[][] Muon(double[] w, double[] g, double[][]? state, ParameterSettings settings, int t, bool likeAdam)
    {
        if (settings.Kind != ParameterKind.Linear || settings.Shape.Length != 2)
        {
            return AdamW(w, g, state, settings, t);
        }

        var (rows, columns) = ((int)settings.Shape[0], (int)settings.Shape[1]);
        state ??= Zeros(w, 1);
        var direction = new double[rows, columns];
        for (var i = 0; i < w.Length; i++)
        {
            state[0][i] += (1 - settings.Momentum) * (g[i] - state[0][i]);
            direction[i / columns, i % columns] = likeAdam ? g[i] + (settings.Momentum * (state[0][i] - g[i])) : state[0][i];
        }

        var orthogonal = Orthogonalize(direction, likeAdam ? 5 : 3);
        var size = likeAdam ? 0.2 * Math.Sqrt(Math.Max(rows, columns)) : Math.Sqrt(Math.Max(1, (double)rows / columns));
        for (var i = 0; i < w.Length; i++)
        {
            w[i] -= settings.LearningRate * ((settings.WeightDecay * w[i]) + (size * orthogonal[i / columns, i % columns]));
        }

        return state;
    }

    public static double[,] Orthogonalize(double[,] matrix, int steps)
    {
        var (rows, columns) = (matrix.GetLength(0), matrix.GetLength(1));
        if (rows > columns)
        {
            return Transpose(Orthogonalize(Transpose(matrix), steps));
        }

        var norm = Math.Sqrt(matrix.Cast<double>().Sum(value => value * value)) + 1e-7;
        var x = Map(matrix, (i, j) => matrix[i, j] / norm);
        for (var step = 0; step < steps; step++)
        {
            var before = x;
            var gram = Product(x, Transpose(x));
            var square = Product(gram, gram);
            var product = Product(Map(gram, (i, j) => (-4.7750 * gram[i, j]) + (2.0315 * square[i, j])), x);
            x = Map(x, (i, j) => (3.4445 * before[i, j]) + product[i, j]);
        }

        return x;
    }

    private static double[,] Product(double[,] a, double[,] b)
    {
        var product = new double[a.GetLength(0), b.GetLength(1)];
        return Map(product, (i, j) => Enumerable.Range(0, a.GetLength(1)).Sum(k => a[i, k] * b[k, j]));
    }

    private static double[,] Transpose(double[,] matrix) => Map(new double[matrix.GetLength(1), matrix.GetLength(0)], (i, j) => matrix[j, i]);

    private static double[,] Map(double[,] shape, Func<int, int, double> value)
    {
        var result = new double[shape.GetLength(0), shape.GetLength(1)];
        for (var i = 0; i < result.GetLength(0); i++)
        {
            for (var j = 0; j < result.GetLength(1); j++)
            {
                result[i, j] = value(i, j);
            }
        }

        return result;
    }

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
}
