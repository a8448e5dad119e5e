using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.optimizer.type</c> may be.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW.</summary>
    AdamW,

    /// <summary>Adam (Kingma and Ba 2015) with the weight decay in the gradient, as torch.optim.Adam.</summary>
    Adam,

    /// <summary>Stochastic gradient descent, with momentum if wanted, as torch.optim.SGD.</summary>
    [JsonStringEnumMemberName("SGD")]
    Sgd,

    /// <summary>RMSprop (Hinton 2012; centered: Graves 2013), as torch.optim.RMSprop.</summary>
    [JsonStringEnumMemberName("RMSprop")]
    RmsProp,

    /// <summary>Adagrad (Duchi, Hazan and Singer 2011), as torch.optim.Adagrad.</summary>
    Adagrad,

    /// <summary>Lion (Chen et al. 2023).</summary>
    Lion,

    /// <summary>LAMB (You et al. 2020).</summary>
    [JsonStringEnumMemberName("LAMB")]
    Lamb,

    /// <summary>Adafactor (Shazeer and Stern 2018), as torch.optim.Adafactor.</summary>
    Adafactor,

    /// <summary>Muon (Jordan et al. 2024) for the weights of linear layers, AdamW for the rest.</summary>
    Muon,
}
