using OrtZero.Onnx;

namespace OrtZero.Autograd.Tests;

/// <summary>Cases of AttentionRules and GroupQueryRules.</summary>
internal static class AttentionCases
{
    private const string Microsoft = "com.microsoft";

    public static IEnumerable<(string Name, Func<OperatorCase> Make)> All() => Standard().Concat(Contributed()).Concat(Grouped());

    private static IEnumerable<(string Name, Func<OperatorCase> Make)> Standard()
    {
        yield return ("Attention", () => new OperatorCase("Attention", 23).Single().Real(1, 2, 3, 4).Real(1, 2, 5, 4).Real(1, 2, 5, 3));
        yield return ("Attention that is causal with shared heads", () =>
            new OperatorCase("Attention", 23).Single().Real(1, 4, 3, 2).Real(1, 2, 3, 2).Real(1, 2, 3, 2).With(node => node.SetInt("is_causal", 1)));
        yield return ("Attention with flat heads, mask and scale", () => new OperatorCase("Attention", 23).Single().Real(2, 3, 4).Real(2, 3, 4).Real(2, 3, 4)
            .Booleans([true, false, true, true, true, false, false, true, true], 3, 3)
            .With(node => node.SetInt("q_num_heads", 2).SetInt("kv_num_heads", 2).SetFloat("scale", 0.3f)));
        yield return ("Attention with a real mask and past", () => new OperatorCase("Attention", 23).Single().Real(1, 2, 2, 2).Real(1, 2, 2, 2).Real(1, 2, 2, 2)
            .Real(2, 3).Real(1, 2, 1, 2).Real(1, 2, 1, 2).WithOutputs(3));
        yield return ("Attention with soft cap", () => new OperatorCase("Attention", 23).Single().Real(1, 1, 3, 4).Real(1, 1, 3, 4).Real(1, 1, 3, 4)
            .With(node => node.SetFloat("softcap", 0.8f)));
        foreach (var mode in new[] { 0, 1, 2, 3 })
        {
            yield return ($"Attention with its scores {mode}", () => new OperatorCase("Attention", 23).Single().Real(1, 2, 2, 3).Real(1, 2, 2, 3).Real(1, 2, 2, 3)
                .Real(2, 2).With(node => node.SetInt("qk_matmul_output_mode", mode).SetFloat("softcap", 0.9f)).WithSparseOutputs(0, 3));
        }

        yield return ("Attention with soft cap, mask and causality", () => new OperatorCase("Attention", 23).Single().Real(1, 2, 3, 2).Real(1, 2, 3, 2).Real(1, 2, 3, 2)
            .Real(1, 2, 3, 3).With(node => node.SetFloat("softcap", 0.8f).SetInt("is_causal", 1)));
        yield return ("Attention that is causal behind a past", () => new OperatorCase("Attention", 24).Single().Real(1, 3, 4).Real(1, 3, 4).Real(1, 3, 4).Missing()
            .Real(1, 2, 2, 2).Real(1, 2, 2, 2).WithOutputs(3)
            .With(node => node.SetInt("is_causal", 1).SetInt("q_num_heads", 2).SetInt("kv_num_heads", 2)));
        yield return ("Attention with counts of keys", () => new OperatorCase("Attention", 24).Single().Real(2, 2, 2, 3).Real(2, 2, 4, 3).Real(2, 2, 4, 2)
            .Real(2, 4).Missing().Missing().IntegerTensor([2, 3], 2).With(node => node.SetFloat("softcap", 1.1f)));
    }

    private static IEnumerable<(string Name, Func<OperatorCase> Make)> Contributed()
    {
        yield return ("Attention of com.microsoft", () => Heads(Packed(), 2).With(node => node.SetInt("unidirectional", 1)));
        yield return ("Attention of com.microsoft with lengths", () => Heads(Packed().Numbers(TensorElementType.Int32, [2, 3], 2), 2));
        yield return ("Attention of com.microsoft with ends and starts", () => Heads(Packed().Numbers(TensorElementType.Int32, [2, 3, 0, 1], 4), 2));
        yield return ("Attention of com.microsoft with past and mask", () => Heads(Packed()
            .Numbers(TensorElementType.Int32, [1, 1, 1, 0, 1, 0, 1, 1, 1, 1], 2, 5).Real(2, 2, 2, 2, 2), 2).WithOutputs(2));
        yield return ("Attention of com.microsoft with bias", () => Heads(Packed().Missing().Missing().Real(1, 2, 3, 3), 2));
        yield return ("MultiHeadAttention", () => Heads(Multi().Real(1, 3, 4).Real(1, 2, 4).Real(1, 2, 4), 2));
        yield return ("MultiHeadAttention with biases", () => Heads(Multi().Real(2, 3, 4).Real(2, 3, 4).Real(2, 3, 4).Real(12), 2)
            .Missing().Real(1, 2, 3, 3));
        yield return ("MultiHeadAttention with lengths and bias of all", () => Heads(Multi().Real(2, 3, 4).Real(2, 2, 4).Real(2, 2, 4).Missing()
            .Numbers(TensorElementType.Int32, [1, 2], 2).Real(1, 1, 3, 2), 2));
        yield return ("MultiHeadAttention with mask and past", () => Heads(Multi().Real(2, 2, 4).Real(2, 2, 4).Real(2, 2, 4).Missing()
            .Numbers(TensorElementType.Int32, [1, 1, 0, 1, 1, 1], 2, 3).Missing().Real(2, 2, 1, 2).Real(2, 2, 1, 2), 2)
            .With(node => node.SetInt("unidirectional", 1)).WithOutputs(3));
        yield return ("MultiHeadAttention with a mask of pairs", () => Heads(Multi().Real(1, 2, 4).Real(1, 3, 4).Real(1, 3, 4).Missing()
            .Numbers(TensorElementType.Int32, [1, 1, 0, 0, 1, 1], 1, 2, 3), 2));
        yield return ("MultiHeadAttention with keys by heads", () => Heads(Multi().Real(1, 3, 4).Real(1, 2, 2, 2).Real(1, 2, 2, 2).Real(12), 2));
    }

    private static IEnumerable<(string Name, Func<OperatorCase> Make)> Grouped()
    {
        yield return ("GroupQueryAttention", () => Group());
        yield return ("GroupQueryAttention with smooth softmax", () => Group().With(node => node.SetInt("smooth_softmax", 1)));
        yield return ("GroupQueryAttention with rotary positions", () => Rotary(Group(), 8));
        yield return ("GroupQueryAttention with rotary positions of a part", () => Rotary(
            Lengths(Grouped(test => test.Real(1, 2, 32).Real(1, 2, 32).Real(1, 2, 32).Missing().Missing(), 1, 1), [1], 2), 8).With(node => node.SetInt("rotary_interleaved", 1)));
        yield return ("GroupQueryAttention with a window, soft cap and scale", () => Group()
            .With(node => node.SetInt("local_window_size", 2).SetFloat("softcap", 0.7f).SetFloat("scale", 0.2f)));
        yield return ("GroupQueryAttention with bias and sinks", () => Rotary(Group(), 8, isApplied: false).Missing().Real(1, 2, 3, 3).Real(2));
        yield return ("GroupQueryAttention with packed operands", () => Lengths(Grouped(test => test.Real(1, 3, 64).Missing().Missing().Missing().Missing()), [2], 3));
        yield return ("GroupQueryAttention with padding", () => Rotary(
            Lengths(Grouped(test => test.Real(2, 3, 32).Real(2, 3, 16).Real(2, 3, 16).Missing().Missing()), [2, 1], 3), 8).With(node => node.SetInt("local_window_size", 2)));
        yield return ("GroupQueryAttention with past", () => Rotary(Lengths(Past(2), [4], 5), 8).WithOutputs(3).WithUnusedOutputs(0));
        yield return ("GroupQueryAttention with part of a buffer of past", () => Lengths(Past(4), [3], 4).WithOutputs(3).WithUnusedOutputs(0));
        yield return ("GroupQueryAttention with unequal pasts", () => Rotary(Lengths(Grouped(test => test
            .Real(2, 1, 32).Real(2, 1, 16).Real(2, 1, 16).Real(2, 1, 3, 16).Real(2, 1, 3, 16)), [3, 1], 4), 8).WithOutputs(3).WithUnusedOutputs(0));
    }

    private static OperatorCase Packed() => new OperatorCase("Attention", 17, Microsoft).Single().Real(2, 3, 4).Real(4, 12).Real(12);

    private static OperatorCase Multi() => new OperatorCase("MultiHeadAttention", 17, Microsoft).Single();

    private static OperatorCase Heads(OperatorCase test, int count) => test.With(node => node.SetInt("num_heads", count));

    private static OperatorCase Group() => Lengths(Grouped(test => test.Real(1, 3, 32).Real(1, 3, 16).Real(1, 3, 16).Missing().Missing()), [2], 3);

    private static OperatorCase Past(int buffer) =>
        Grouped(test => test.Real(1, 3, 32).Real(1, 3, 16).Real(1, 3, 16).Real(1, 1, buffer, 16).Real(1, 1, buffer, 16));

    private static OperatorCase Grouped(Func<OperatorCase, OperatorCase> operands, int heads = 2, int shared = 1) =>
        operands(new OperatorCase("GroupQueryAttention", 17, Microsoft).Single())
            .With(node => node.SetInt("num_heads", heads).SetInt("kv_num_heads", shared)).WithUnusedOutputs(2);

    private static OperatorCase Lengths(OperatorCase test, double[] last, double total) => test
        .Numbers(TensorElementType.Int32, last, last.Length, 1).Numbers(TensorElementType.Int32, [total]);

    private static OperatorCase Rotary(OperatorCase test, int half, bool isApplied = true) => test
        .FixedReal(Tensors.Spread(6 * half, -1, 1, 4), 6, half).FixedReal(Tensors.Spread(6 * half, -1, 1, 5), 6, half)
        .With(node => node.SetInt("do_rotary", isApplied ? 1 : 0));
}
