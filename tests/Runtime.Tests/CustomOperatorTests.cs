using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

public sealed class CustomOperatorTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void An_operator_computes_with_its_attribute()
    {
        var node = TestModels.Custom("Scale", ["x"], ["y"]).SetFloat("factor", -2);
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], node), new ScaleOperator());

        Assert.Equal([-2f, -4f, -6f], CustomSessions.Run(session, [1, 2, 3]));
    }

    [Fact]
    public void An_exception_becomes_the_error_of_the_run_and_the_session_stays_usable()
    {
        var failing = new LambdaOperator("Picky", (in KernelContext context) =>
        {
            var x = context.Input<float>(0);
            if (x[0] < 0)
            {
                throw new InvalidDataException("The first element is negative: grüße 数.");
            }

            x.CopyTo(context.Output<float>(0, context.InputShape(0)));
        });
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Picky", ["x"], ["y"])), failing);

        for (var i = 0; i < 3; i++)
        {
            var error = Assert.Throws<OrtException>(() => CustomSessions.Run(session, [-1]));
            Assert.Contains("The first element is negative: grüße 数.", error.Message, StringComparison.Ordinal);
            Assert.Contains("the_Picky_node_y", error.Message, StringComparison.Ordinal);
            Assert.IsType<InvalidDataException>(error.InnerException);
            Assert.Equal([5f], CustomSessions.Run(session, [5]));
        }
    }

    [Fact]
    public void An_exception_while_creating_the_kernel_makes_opening_fail()
    {
        var failing = new LambdaOperator("Broken", (in KernelContext _) => { })
        {
            OnCreate = _ => throw new ArgumentException("Attribute 'axis' must be at least 0."),
        };

        var error = Assert.Throws<OrtException>(
            () => CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Broken", ["x"], ["y"])), failing));

        Assert.Contains("Attribute 'axis' must be at least 0.", error.Message, StringComparison.Ordinal);
        Assert.IsType<ArgumentException>(error.InnerException);
    }

    [Fact]
    public void An_exception_in_a_parallel_piece_is_thrown_once_all_are_done()
    {
        var failing = new LambdaOperator("Parallel", (in KernelContext context) =>
        {
            context.Output<float>(0, context.InputShape(0)).Clear();
            context.ParallelFor(100, index =>
            {
                if (index == 37)
                {
                    throw new InvalidOperationException("Piece 37 failed.");
                }
            });
        });
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Parallel", ["x"], ["y"])), failing);

        var error = Assert.Throws<OrtException>(() => CustomSessions.Run(session, [1]));

        Assert.Contains("Piece 37 failed.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Every_parallel_piece_runs_once(int threads)
    {
        const int pieces = 1000;
        var parallel = new LambdaOperator("Squares", (in KernelContext context) =>
            context.ParallelFor(pieces, new Square(context.Input<float>(0), context.Output<float>(0, context.InputShape(0)))));
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Squares", ["x"], ["y"])), parallel, threads);
        var x = Enumerable.Range(0, pieces).Select(i => (float)i).ToArray();

        Assert.Equal(x.Select(value => value * value), CustomSessions.Run(session, x));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_variadic_input_takes_any_number(int count)
    {
        var sum = new LambdaOperator("SumAll", (in KernelContext context) =>
        {
            var y = context.Output<float>(0, context.InputShape(0));
            y.Clear();
            for (var i = 0; i < context.InputCount; i++)
            {
                var x = context.Input<float>(i);
                for (var j = 0; j < y.Length; j++)
                {
                    y[j] += x[j];
                }
            }
        })
        {
            DeclaredInputs = [new(TensorElementType.Float, Variadic: true)],
        };
        using var session = CustomSessions.Open(
            runtime.Environment,
            TestModels.Of(["x"], ["y"], TestModels.Custom("SumAll", [.. Enumerable.Repeat("x", count)], ["y"])), sum);

        Assert.Equal([count * 1f, count * 2f], CustomSessions.Run(session, [1, 2]));
    }

    [Fact]
    public void Variadic_inputs_of_any_type_may_differ_and_variadic_outputs_are_counted()
    {
        var seen = new List<TensorElementType>();
        var mixed = new LambdaOperator("Mixed", (in KernelContext context) =>
        {
            for (var i = 0; i < context.InputCount; i++)
            {
                seen.Add(context.InputType(i));
            }

            for (var i = 0; i < context.OutputCount; i++)
            {
                context.Output<float>(i)[0] = i;
            }
        })
        {
            DeclaredInputs = [new(TensorElementType.Undefined, Variadic: true)],
            DeclaredOutputs = [new(TensorElementType.Float, Variadic: true)],
        };
        var model = TestModels.Of(
            ["x"], ["a", "b"], TestModels.Node("Shape", ["x"], ["s"]), TestModels.Custom("Mixed", ["x", "s"], ["a", "b"]));
        using var session = CustomSessions.Open(runtime.Environment, model, mixed);
        using var x = OrtTensor.FromSingles([1, 2], 2);

        var outputs = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([TensorElementType.Float, TensorElementType.Int64], seen);
        Assert.Equal([0f, 1f], outputs.Select(output => output.Span<float>()[0]));
        Assert.Empty(outputs[1].Shape);
    }

    [Fact]
    public void Optional_inputs_and_outputs_may_be_left_out()
    {
        var seen = string.Empty;
        var optional = new LambdaOperator("Optional", (in KernelContext context) =>
        {
            seen = $"{context.HasInput(0)} {context.HasInput(1)} {context.HasInput(2)} {context.HasInput(9)} | " +
                $"{context.HasOutput(0)} {context.HasOutput(1)} {context.HasOutput(2)}";
            context.Output<float>(0, 1)[0] = 1;
            context.Output<float>(2, 1)[0] = 3;
        })
        {
            DeclaredInputs = [new(TensorElementType.Float), new(TensorElementType.Float, Optional: true), new(TensorElementType.Float, Optional: true)],
            DeclaredOutputs = [new(TensorElementType.Float), new(TensorElementType.Float, Optional: true), new(TensorElementType.Float, Optional: true)],
        };
        var model = TestModels.Of(["x"], ["y", "z"], TestModels.Custom("Optional", ["x", "", "x"], ["y", "", "z"]));
        using var session = CustomSessions.Open(runtime.Environment, model, optional);

        Assert.Equal([1f], CustomSessions.Run(session, [7]));
        Assert.Equal("True False True False | True False True", seen);
    }

    [Fact]
    public void Reading_an_input_that_was_left_out_says_so()
    {
        var optional = new LambdaOperator("Optional", (in KernelContext context) => context.Input<float>(1))
        {
            DeclaredInputs = [new(TensorElementType.Float), new(TensorElementType.Float, Optional: true)],
        };
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Optional", ["x"], ["y"])), optional);

        var error = Assert.Throws<OrtException>(() => CustomSessions.Run(session, [7]));

        Assert.Contains("Input 1 of test::Optional (node 'the_Optional_node_y') was left out.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_an_input_as_another_type_says_so()
    {
        var wrong = new LambdaOperator("Wrong", (in KernelContext context) => context.Input<long>(0));
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Wrong", ["x"], ["y"])), wrong);

        var error = Assert.Throws<OrtException>(() => CustomSessions.Run(session, [7]));

        Assert.Contains("holds Float, not Int64", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_of_every_kind_are_read_and_defaults_used_for_missing_ones()
    {
        KernelAttributes? kept = null;
        var read = new List<object>();
        var attributes = new LambdaOperator("Attributes", (in KernelContext context) => context.Output<float>(0, 0))
        {
            OnCreate = node =>
            {
                kept = node;
                read.AddRange([node.GetInt("i", 0), node.GetFloat("f", 0), node.GetString("s", ""), node.NodeName, node.InputCount, node.OutputCount]);
                read.AddRange([node.GetInt("no", 5), node.GetFloat("no", 6), node.GetString("no", "seven")]);
                Assert.Equal([1L, 2L], node.GetInts("is"));
                Assert.Equal([0.5f], node.GetFloats("fs"));
                Assert.Empty(node.GetInts("no"));
                var error = Assert.Throws<OrtException>(() => node.GetInt("s", 0));
                Assert.Contains("Attribute 's' of node 'the_Attributes_node_y'", error.Message, StringComparison.Ordinal);
            },
        };
        var node = TestModels.Custom("Attributes", ["x"], ["y"])
            .SetInt("i", -3).SetFloat("f", 1.5f).SetString("s", "grüße").SetInts("is", 1, 2).SetFloats("fs", 0.5f);
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], node), attributes);

        Assert.Equal([-3L, 1.5f, "grüße", "the_Attributes_node_y", 1, 1, 5L, 6f, "seven"], read);
        Assert.Throws<InvalidOperationException>(() => kept!.GetInt("i", 0));
    }

    [Fact]
    public void Kernels_are_disposed_with_their_session()
    {
        var disposed = 0;
        var counted = new LambdaOperator("Counted", (in KernelContext context) => context.Output<float>(0, 0)) { OnDispose = () => disposed++ };
        var model = TestModels.Of(
            ["x"], ["y", "z"], TestModels.Custom("Counted", ["x"], ["y"]), TestModels.Custom("Counted", ["y"], ["z"]));
        using (CustomSessions.Open(runtime.Environment, model, counted))
        {
            Assert.Equal(0, disposed);
        }

        Assert.Equal(2, disposed);
    }

    [Fact]
    public void Inferred_shapes_reach_the_sessions_outputs()
    {
        var inferring = new LambdaOperator("Transposed", (in KernelContext context) => context.Output<float>(0, 3, 2).Clear())
        {
            Infer = (in ShapeInference shapes) => shapes.Output(0, TensorElementType.Float, shapes.Input(0).Shape[1], shapes.Input(0).Shape[0]),
        };
        var model = TestModels.Of(["x"], ["y"], TestModels.Custom("Transposed", ["x"], ["y"]));
        model.Graph.Input[0] = TestModels.Value("x", "2", "3");
        using var session = CustomSessions.Open(runtime.Environment, model, inferring);

        Assert.Equal([3L, 2L], session.Outputs[0].Shape);
    }

    [Fact]
    public void Operators_run_on_the_table_of_older_libraries_too()
    {
        var old = OrtLibrary.Bind(runtime.Library.Path, newestApi: 18);
        using var environment = new OrtEnvironment(old, OrtLogLevel.Fatal);
        using var session = CustomSessions.Open(
            environment,
            TestModels.Of(["x"], ["y"], TestModels.Custom("Scale", ["x"], ["y"]).SetFloat("factor", 3)),
            new ScaleOperator());

        Assert.Equal(18, old.Api.Version);
        Assert.Equal([3f, 6f], CustomSessions.Run(session, [1, 2]));
    }

    [Fact]
    public void Terminating_from_inside_a_run_skips_the_nodes_after_it()
    {
        using var options = new OrtRunOptions(runtime.Environment);
        var laterCalls = 0;
        var stopping = new LambdaOperator("Stopping", (in KernelContext context) =>
        {
            options.Terminate();
            context.Output<float>(0, context.InputShape(0)).Clear();
        });
        var later = new LambdaOperator("Later", (in KernelContext context) =>
        {
            laterCalls++;
            context.Output<float>(0, context.InputShape(0)).Clear();
        });
        var model = TestModels.Of(
            ["x"], ["y"], TestModels.Custom("Stopping", ["x"], ["between"]), TestModels.Custom("Later", ["between"], ["y"]));
        using var session = CustomSessions.Open(runtime.Environment, model, [stopping, later]);
        using var x = OrtTensor.FromSingles([1], 1);

        Assert.Throws<OrtException>(() => session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }, options: options));

        Assert.Equal(0, laterCalls);
    }

    [Fact]
    public void Calls_allocate_nothing()
    {
        var parallel = new LambdaOperator("Squares", (in KernelContext context) =>
            context.ParallelFor(2, new Square(context.Input<float>(0), context.Output<float>(0, context.InputShape(0)))));
        using var session = CustomSessions.Open(runtime.Environment, TestModels.Of(["x"], ["y"], TestModels.Custom("Squares", ["x"], ["y"])), parallel, threads: 1);
        using var x = OrtTensor.FromSingles([1, 2], 2);
        using var y = OrtTensor.Zeros(TensorElementType.Float, 2);
        using var binding = session.CreateBinding();
        binding.Input("x", x);
        binding.Output("y", y);
        session.Run(binding);
        session.Run(binding);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            session.Run(binding);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal([1f, 4f], y.Span<float>().ToArray());
    }

    [Fact]
    public void Declarations_that_onnx_runtime_cannot_take_are_refused_with_the_reason()
    {
        using var domain = new CustomOperatorDomain(runtime.Environment, TestModels.Domain);
        static void Nothing(in KernelContext context)
        {
        }

        domain.Add(new LambdaOperator("Taken", Nothing));
        var twice = Assert.Throws<ArgumentException>(() => domain.Add(new LambdaOperator("Taken", Nothing)));
        var early = Assert.Throws<ArgumentException>(() => domain.Add(new LambdaOperator("Early", Nothing)
        {
            DeclaredInputs = [new(TensorElementType.Float, Variadic: true), new(TensorElementType.Float)],
        }));
        var constant = Assert.Throws<ArgumentException>(() => domain.Add(new LambdaOperator("Constant", Nothing)));
        var untyped = Assert.Throws<ArgumentException>(
            () => domain.Add(new LambdaOperator("Untyped", Nothing) { DeclaredOutputs = [new(TensorElementType.Undefined)] }));

        Assert.Contains("already has an operator 'Taken'", twice.Message, StringComparison.Ordinal);
        Assert.Contains("only the last may be variadic", early.Message, StringComparison.Ordinal);
        Assert.Contains("needs another name", constant.Message, StringComparison.Ordinal);
        Assert.Contains("declare its type", untyped.Message, StringComparison.Ordinal);
        Assert.Equal(["Taken"], domain.Operators);
    }

    private readonly ref struct Square(ReadOnlySpan<float> x, Span<float> y) : IParallelBody
    {
        private readonly ReadOnlySpan<float> _x = x;
        private readonly Span<float> _y = y;

        public void Invoke(int index) => _y[index] = _x[index] * _x[index];
    }
}
