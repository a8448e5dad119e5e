namespace OrtZero.Runtime.Internal;

/// <summary>Turns the native results of a run into tensors, all or none.</summary>
internal static class RunResults
{
    public static OrtTensor[] ToTensors(OrtHandle[] values, Func<int, string> name)
    {
        var tensors = new OrtTensor[values.Length];
        try
        {
            for (var i = 0; i < values.Length; i++)
            {
                if (values[i].IsInvalid)
                {
                    throw new OrtException(
                        OrtErrorCode.Fail, $"Output '{name(i)}' has no value; the model left an optional result empty or nothing was run.");
                }

                if (!ValueReader.IsTensor(values[i].Api, values[i].DangerousGetHandle()))
                {
                    throw new OrtException(
                        OrtErrorCode.NotImplemented, $"Output '{name(i)}' is a sequence, map or optional; only tensors can be read.");
                }

                tensors[i] = OrtTensor.Adopt(values[i]);
            }

            return tensors;
        }
        catch
        {
            for (var i = 0; i < values.Length; i++)
            {
                tensors[i]?.Dispose();
                values[i].Dispose();
            }

            throw;
        }
    }
}
