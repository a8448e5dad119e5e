using System.Diagnostics.CodeAnalysis;

namespace OrtZero.Runtime;

/// <summary>Why a call into ONNX Runtime failed: the numbers of <c>OrtErrorCode</c> in its C API.</summary>
[SuppressMessage("Design", "CA1027:Mark enums with FlagsAttribute", Justification = "The numbers are ONNX Runtime's and no flags.")]
public enum OrtErrorCode
{
    /// <summary>No error.</summary>
    Ok = 0,

    /// <summary>No more precise code applies.</summary>
    Fail = 1,

    /// <summary>An argument is wrong: an unknown name, a wrong shape or type.</summary>
    InvalidArgument = 2,

    /// <summary>The model file does not exist.</summary>
    NoSuchFile = 3,

    /// <summary>There is no model.</summary>
    NoModel = 4,

    /// <summary>The engine failed.</summary>
    EngineError = 5,

    /// <summary>A node failed while running.</summary>
    RuntimeException = 6,

    /// <summary>The bytes are not a model.</summary>
    InvalidProtobuf = 7,

    /// <summary>A model is loaded already.</summary>
    ModelLoaded = 8,

    /// <summary>No execution provider has a kernel for a node.</summary>
    NotImplemented = 9,

    /// <summary>The graph breaks a rule of ONNX.</summary>
    InvalidGraph = 10,

    /// <summary>An execution provider failed.</summary>
    ExecutionProviderFail = 11,

    /// <summary>Loading was cancelled.</summary>
    ModelLoadCanceled = 12,

    /// <summary>The model must be compiled for the provider first.</summary>
    ModelRequiresCompilation = 13,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 14,
}
