using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of RecurrentRules and RotaryRules.</summary>
internal static class SequenceCases
{
    private const string Microsoft = "com.microsoft";

    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All()
    {
        foreach (var (op, gates) in new[] { ("LSTM", 4), ("GRU", 3), ("RNN", 1) })
        {
            yield return (op, () => Recurrent(op, gates, 1));
            yield return ($"{op} reverse", () => Recurrent(op, gates, 1).With(node => node.SetString("direction", "reverse")));
            yield return ($"{op} of both directions with lengths and states", () => Recurrent(op, gates, 2, lengths: [3, 1], isComplete: true)
                .With(node => node.SetString("direction", "bidirectional")).WithOutputs(op == "LSTM" ? 3 : 2));
        }

        yield return ("LSTM with peepholes", () => Recurrent("LSTM", 4, 1, isComplete: true).Real(1, 9).WithOutputs(3));
        yield return ("LSTM with clip and coupled gates", () =>
            Recurrent("LSTM", 4, 1).With(node => node.SetFloat("clip", 0.55f).SetInt("input_forget", 1)).SmallSteps());
        yield return ("LSTM with other activations", () => Recurrent("LSTM", 4, 1).With(node =>
        {
            Activations(node, "HardSigmoid", "Softsign", "Affine");
            Floats(node, "activation_alpha", 0.1f, 0.8f);
            Floats(node, "activation_beta", 0.5f, 0.1f);
        }).SmallSteps());
        yield return ("GRU with reset behind the product", () =>
            Recurrent("GRU", 3, 1, isComplete: true).With(node => node.SetInt("linear_before_reset", 1)).WithOutputs(2));
        yield return ("RNN without bias", () => new OperatorCase("RNN").Single().Real(2, 2, 3).Real(1, 2, 3).Real(1, 2, 2).With(node => node.SetInt("hidden_size", 2)));

        foreach (var interleaved in new[] { 0, 1 })
        {
            yield return ($"RotaryEmbedding {interleaved}", () => new OperatorCase("RotaryEmbedding", 23).Single().Real(2, 2, 3, 4).Real(5, 2).Real(5, 2)
                .IntegerTensor([0, 1, 2, 4, 3, 1], 2, 3).With(node => node.SetInt("interleaved", interleaved)));
            yield return ($"RotaryEmbedding of com.microsoft {interleaved}", () => new OperatorCase("RotaryEmbedding", 17, Microsoft).Single().Real(1, 3, 8)
                .IntegerTensor([1], 1).FixedReal(Tensors.Spread(10, -1, 1, 4), 5, 2).FixedReal(Tensors.Spread(10, -1, 1, 5), 5, 2)
                .With(node => node.SetInt("interleaved", interleaved)));
        }

        yield return ("RotaryEmbedding of a part", () => new OperatorCase("RotaryEmbedding", 23).Single().Real(1, 3, 12).Real(1, 3, 2).Real(1, 3, 2)
            .With(node => node.SetInt("num_heads", 2).SetInt("rotary_embedding_dim", 4)));
    }

    private static OperatorCase Recurrent(string op, int gates, int directions, double[]? lengths = null, bool isComplete = false)
    {
        var test = new OperatorCase(op).Single().Real(3, 2, 2).Real(directions, gates * 3, 2).RealBetween(-0.8, 0.9, directions, gates * 3, 3)
            .Real(directions, 2 * gates * 3).With(node => node.SetInt("hidden_size", 3));
        if (isComplete)
        {
            test = lengths is null ? test.Missing() : test.Numbers(TensorElementType.Int32, lengths, lengths.Length);
            test = test.Real(directions, 2, 3);
            test = op == "LSTM" ? test.Real(directions, 2, 3) : test;
        }

        return test;
    }

    private static void Activations(NodeProto node, params string[] names)
    {
        var attribute = new AttributeProto { Name = "activations", Type = AttributeProto.Types.AttributeType.Strings };
        attribute.Strings.AddRange(names.Select(ByteString.CopyFromUtf8));
        node.Attribute.Add(attribute);
    }

    private static void Floats(NodeProto node, string name, params float[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Floats };
        attribute.Floats.AddRange(values);
        node.Attribute.Add(attribute);
    }
}
