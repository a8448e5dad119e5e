using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd.Rules;

/// <summary>Arithmetic and elementary functions, element by element with broadcasting.</summary>
internal static class ElementwiseRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("Add", Add);
        rules.Add("Sub", Sub);
        rules.Add("Mul", Mul);
        rules.Add("Div", Div);
        rules.Add("Pow", Pow);
        rules.Add("Sum", Sum);
        rules.Add("Mean", Mean);
        rules.Add("Max", Extremum);
        rules.Add("Min", Extremum);
        rules.Add("Clip", Clip);
        rules.Add("Mod", Mod);
        rules.Add("Identity", context => context.GiveBroadcast(0, context.BroadcastDY));
        rules.Add("Neg", context => context.GiveBroadcast(0, context.Graph.Neg(context.BroadcastDY)));
        rules.AddUnary("Sqrt", (graph, dy, _, y) => graph.Div(graph.Mul(dy, 0.5), y));
        rules.AddUnary("Exp", (graph, dy, _, y) => graph.Mul(dy, y));
        rules.AddUnary("Log", (graph, dy, x, _) => graph.Div(dy, x));
        rules.AddUnary("Abs", (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Sign", x)));
        rules.AddUnary("Reciprocal", (graph, dy, _, y) => graph.Neg(graph.Mul(dy, graph.Square(y))));

        // d erf(x)/dx = 2/√π · exp(-x²)
        rules.AddUnary("Erf", (graph, dy, x, _) => graph.Mul(dy, graph.Mul(graph.Exp(graph.Neg(graph.Square(x))), 2 / Math.Sqrt(Math.PI))));
        rules.AddUnary("Sin", (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Cos", x)));
        rules.AddUnary("Cos", (graph, dy, x, _) => graph.Neg(graph.Mul(dy, graph.Unary("Sin", x))));
        rules.AddUnary("Tan", (graph, dy, _, y) => graph.Mul(dy, graph.Add(graph.Square(y), 1)));
        rules.AddUnary("Sinh", (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Cosh", x)));
        rules.AddUnary("Cosh", (graph, dy, x, _) => graph.Mul(dy, graph.Unary("Sinh", x)));
        rules.AddUnary("Asin", (graph, dy, x, _) => graph.Div(dy, graph.Sqrt(graph.Sub(1, graph.Square(x)))));
        rules.AddUnary("Acos", (graph, dy, x, _) => graph.Neg(graph.Div(dy, graph.Sqrt(graph.Sub(1, graph.Square(x))))));
        rules.AddUnary("Atan", (graph, dy, x, _) => graph.Div(dy, graph.Add(graph.Square(x), 1)));
        rules.AddUnary("Asinh", (graph, dy, x, _) => graph.Div(dy, graph.Sqrt(graph.Add(graph.Square(x), 1))));
        rules.AddUnary("Acosh", (graph, dy, x, _) => graph.Div(dy, graph.Sqrt(graph.Add(graph.Square(x), -1))));
        rules.AddUnary("Atanh", (graph, dy, x, _) => graph.Div(dy, graph.Sub(1, graph.Square(x))));
    }

    private static void Add(RuleContext context)
    {
        context.Give(0, context.DY);
        context.Give(1, context.DY);
    }

    private static void Sub(RuleContext context)
    {
        context.Give(0, context.DY);
        if (context.Needs(1))
        {
            // Summing before negating leaves less to negate.
            context.Give(1, context.Graph.Neg(context.Graph.SumTo(context.DY, context.Input(1).Shape)));
        }
    }

    private static void Mul(RuleContext context)
    {
        for (var self = 0; self < 2; self++)
        {
            if (context.Needs(self))
            {
                context.Give(self, context.Graph.Mul(context.DY, context.Input(1 - self)));
            }
        }
    }

    private static void Div(RuleContext context)
    {
        var graph = context.Graph;
        var quotient = graph.Div(context.DY, context.Input(1));
        context.Give(0, quotient);
        if (context.Needs(1))
        {
            // -dy·a/b² = -(dy/b)·y
            context.Give(1, graph.Neg(graph.SumTo(graph.Mul(quotient, context.Y), context.Input(1).Shape)));
        }
    }

    private static void Pow(RuleContext context)
    {
        var graph = context.Graph;
        if (context.Needs(0))
        {
            if (context.Number(1) is { } power)
            {
                PowOfConstant(context, power);
            }
            else
            {
                // p·x^(p-1), and 0 where p is 0 (else 0·x^-1 is NaN at x = 0).
                var p = graph.Cast(context.Input(1), context.X.Type);
                var slope = graph.Mul(p, graph.Pow(context.X, graph.Add(p, -1)));
                context.Give(0, graph.Mul(context.DY, graph.Where(graph.Equal(p, graph.Scalar(p.Type, 0)), graph.Scalar(p.Type, 0), slope)));
            }
        }

        if (context.Needs(1))
        {
            // y·log x, and 0 where x is 0 and p not negative, as PyTorch has it.
            var p = graph.Cast(context.Input(1), context.X.Type);
            var zero = graph.Scalar(context.X.Type, 0);
            var flat = graph.And(graph.Equal(context.X, zero), graph.GreaterOrEqual(p, zero));
            var slope = graph.Where(flat, zero, graph.Mul(context.Y, graph.Log(context.X)));
            context.Give(1, graph.Cast(graph.Mul(context.DY, slope), context.Input(1).Type));
        }
    }

    private static void PowOfConstant(RuleContext context, double power)
    {
        var graph = context.Graph;
        var dy = context.BroadcastDY;
        var x = context.X;
        switch (power)
        {
            case 0:
                context.Give(0, graph.Filled(x.Type, x.Shape, 0));
                break;
            case 1:
                context.GiveBroadcast(0, dy);
                break;
            case 2:
                context.Give(0, graph.Mul(graph.Mul(dy, 2), x));
                break;
            case 3:
                context.Give(0, graph.Mul(graph.Mul(dy, 3), graph.Square(x)));
                break;
            case 0.5:
                context.Give(0, graph.Div(graph.Mul(dy, 0.5), context.Y));
                break;
            case -1:
                context.Give(0, graph.Neg(graph.Mul(dy, graph.Square(context.Y))));
                break;
            default:
                context.Give(0, graph.Mul(graph.Mul(dy, power), graph.Pow(x, graph.Scalar(x.Type, power - 1))));
                break;
        }
    }

    private static void Sum(RuleContext context)
    {
        for (var i = 0; i < context.InputCount; i++)
        {
            context.Give(i, context.DY);
        }
    }

    private static void Mean(RuleContext context)
    {
        var share = context.Graph.Mul(context.DY, 1.0 / context.InputCount);
        for (var i = 0; i < context.InputCount; i++)
        {
            context.Give(i, share);
        }
    }

    /// <summary>Maximum and minimum of several inputs; equal ones share the gradient, as in PyTorch.</summary>
    private static void Extremum(RuleContext context)
    {
        var graph = context.Graph;
        var hits = new Value[context.InputCount];
        for (var i = 0; i < hits.Length; i++)
        {
            hits[i] = graph.Cast(graph.Equal(context.Input(i), context.Y), context.Y.Type);
        }

        var share = graph.Div(context.DY, hits.Aggregate(graph.Add));
        for (var i = 0; i < hits.Length; i++)
        {
            if (context.Needs(i))
            {
                context.Give(i, graph.Mul(share, hits[i]));
            }
        }
    }

    /// <summary>Passes the gradient inside the bounds and on them, as in PyTorch; a bound gets the gradient of what it replaced.</summary>
    private static void Clip(RuleContext context)
    {
        var graph = context.Graph;
        var dy = context.DY;
        for (var bound = 1; bound <= 2; bound++)
        {
            if (context.HasInput(bound))
            {
                var outside = bound == 1 ? graph.Less(context.X, context.Input(1)) : graph.Greater(context.X, context.Input(2));
                if (context.Needs(bound))
                {
                    context.Give(bound, graph.Masked(outside, context.DY));
                }

                dy = graph.Where(outside, graph.Scalar(dy.Type, 0), dy);
            }
        }

        context.Give(0, dy);
    }

    /// <summary>x - b·n with the whole number n left as it is.</summary>
    private static void Mod(RuleContext context)
    {
        var graph = context.Graph;
        context.Give(0, context.DY);
        if (context.Needs(1))
        {
            var whole = graph.Unary("Round", graph.Div(graph.Sub(context.X, context.Y), context.Input(1)));
            context.Give(1, graph.Neg(graph.Mul(context.DY, whole)));
        }
    }
}
