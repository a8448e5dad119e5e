// A value of the graph with its static type and shape; rules are easier to read with the short name.
global using Value = OrtZero.Onnx.ValueDescription;
