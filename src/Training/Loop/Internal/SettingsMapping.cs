using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Turns sections of cfg.json into what the lower layers take.</summary>
internal static class SettingsMapping
{
    internal static OptimizerSettings Optimizer(OptimizerSection section)
    {
        var defaults = OptimizerSettings.For(OptimizerOptions.NameOf(section.Type));
        return defaults with
        {
            CorrectBias = section.Official?.CorrectBias ?? true,
            DecayAfterUpdate = section.Official is { IsTorchOrder: false },
            LearningRate = section.Lr,
            WeightDecay = section.WeightDecay ?? defaults.EffectiveWeightDecay,
            Beta1 = section.Betas?.First ?? defaults.Beta1,
            Beta2 = section.Betas?.Second ?? defaults.Beta2,
            Epsilon = section.Eps is { Second: null, First: { } epsilon } ? epsilon : defaults.Epsilon,
            Epsilon1 = section.Eps is { Second: not null } pair ? pair.First : defaults.Epsilon1,
            Epsilon2 = section.Eps?.Second ?? defaults.Epsilon2,
            Momentum = section.Momentum ?? defaults.Momentum,
            Dampening = section.Dampening ?? defaults.Dampening,
            Nesterov = section.Nesterov ?? defaults.Nesterov,
            Alpha = section.Alpha ?? defaults.Alpha,
            Centered = section.Centered ?? defaults.Centered,
            LearningRateDecay = section.LrDecay ?? defaults.LearningRateDecay,
            InitialAccumulatorValue = section.InitialAccumulatorValue ?? defaults.InitialAccumulatorValue,
            Beta2Decay = section.Beta2Decay ?? defaults.Beta2Decay,
            ClipThreshold = section.D ?? defaults.ClipThreshold,
            NewtonSchulzSteps = section.NsSteps ?? defaults.NewtonSchulzSteps,
            AdjustLearningRate = section.AdjustLrFn == MuonRate.Original ? "original" : defaults.AdjustLearningRate,
        };
    }

    internal static ParamwiseRules? Paramwise(ParamwiseSection? section) => section is null ? null : new ParamwiseRules
    {
        BiasLrMult = section.BiasLrMult,
        BiasDecayMult = section.BiasDecayMult,
        NormDecayMult = section.NormDecayMult,
        FlatDecayMult = section.FlatDecayMult,
        DwconvDecayMult = section.DwconvDecayMult,
        DcnOffsetLrMult = section.DcnOffsetLrMult,
        BypassDuplicate = section.BypassDuplicate,
        NoDecayKinds = section.NoDecayKinds,
        NoDecayMaxNdim = section.NoDecayMaxNdim,
        Groups = [.. section.Groups.Select(Group)],
        LayerDecay = [.. section.LayerDecay.Select(layers => new LayerDecayRule { Rate = layers.Rate, MinScale = layers.MinScale, Prefix = layers.Prefix })],
        CustomOverridesKinds = section.CustomOverridesKinds,
        CustomKeys = section.CustomKeys.ToDictionary(pair => pair.Key, pair => CustomKey(pair.Value), StringComparer.Ordinal),
    };

    internal static ZeroOptions Zero(ZeroOptimizationSection section, RandomnessSection randomness) => Offload(section, new ZeroOptions
    {
        Stage = section.Stage,
        ReduceBucketSize = section.ReduceBucketSize,
        AllGatherBucketSize = section.AllgatherBucketSize is { } limit && limit < section.ReduceBucketSize ? limit : long.MaxValue,
        OverlapComm = section.OverlapComm,
        PersistenceThreshold = section.Stage3ParamPersistenceThreshold,
        PrefetchElements = section.Stage3PrefetchBucketSize,
        MaxLiveElements = section.Stage3MaxLiveParameters,
        MaxReuseDistance = section.Stage3MaxReuseDistance,
        Deterministic = randomness.Deterministic,
        Wire = section.CommunicationDataType switch
        {
            CommunicationType.Fp16 => WireFormat.Float16,
            CommunicationType.Bf16 => WireFormat.Bfloat16,
            _ => WireFormat.Float32,
        },
    });

    private static ZeroOptions Offload(ZeroOptimizationSection section, ZeroOptions options)
    {
        var buffers = section.OffloadOptimizer.Device == OffloadDevice.Nvme ? section.OffloadOptimizer : section.OffloadParam;
        return options with
        {
            OptimizerStateFolder = section.OffloadOptimizer.Device == OffloadDevice.Nvme ? section.OffloadOptimizer.NvmePath : null,
            ParameterFolder = section is { Stage: 3, OffloadParam.Device: OffloadDevice.Nvme } ? section.OffloadParam.NvmePath : null,
            OffloadBuffers = buffers.BufferCount,
            OffloadBufferElements = buffers.BufferSize,
        };
    }

    internal static LossOptions Loss(IReadOnlyList<LossSection> sections)
    {
        var terms = sections.Select(Loss).ToList();
        return terms[0] with { Others = terms[1..] };
    }

    private static LossOptions Loss(LossSection section) => new()
    {
        Type = section.Type switch
        {
            LossKind.CrossEntropy => LossType.CrossEntropy,
            LossKind.MeanSquaredError => LossType.MeanSquaredError,
            LossKind.L1 => LossType.L1,
            LossKind.Huber => LossType.Huber,
            LossKind.BinaryCrossEntropy => LossType.BinaryCrossEntropy,
            LossKind.KullbackLeibler => LossType.KullbackLeibler,
            _ => LossType.ModelOutput,
        },
        Output = section.Output,
        Labels = section.Labels,
        Weight = section.Weight,
        IgnoreIndex = section.IgnoreIndex,
        ClassWeights = section.ClassWeights,
        LabelSmoothing = section.LabelSmoothing,
        Axis = section.Axis,
        Delta = section.Delta,
        PositiveWeight = section.PosWeight,
        IsSum = section.Normalize == LossNormalization.Global,
    };

    private static GroupRule Group(GroupSection section) => new()
    {
        Name = section.Name,
        Match = section.Match,
        Regex = section.Regex,
        Kinds = section.Kinds,
        MaxNdim = section.MaxNdim,
        Settings = CustomKey(section),
    };

    private static CustomKeyRule CustomKey(CustomKeySection section) => new()
    {
        LrMult = section.LrMult,
        DecayMult = section.DecayMult,
        Lr = section.Lr,
        WeightDecay = section.WeightDecay,
        Beta1 = section.Betas?.First,
        Beta2 = section.Betas?.Second,
        Epsilon = section.Eps,
        Momentum = section.Momentum,
        UseMuon = section.UseMuon,
    };
}
