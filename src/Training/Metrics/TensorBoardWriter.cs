using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;
using OrtZero.Training.Internal;
using OrtZero.Training.Protobuf;

namespace OrtZero.Training;

/// <summary>
/// Writes TensorBoard event files. A file is a sequence of records (tensorflow/core/lib/io/record_writer.h), all numbers
/// little-endian:
/// <code>
///   8 bytes  length of the event
///   4 bytes  masked CRC32C of those 8 bytes
///   length   the event, a protobuf message
///   4 bytes  masked CRC32C of the event
/// </code>
/// where masking turns the checksum right by 15 bits and adds 0xa282ead8.
/// </summary>
public sealed class TensorBoardWriter : IDisposable
{
    private readonly FileStream _stream;
    private readonly TimeProvider _time;

    /// <summary>Begins an event file.</summary>
    /// <param name="folder">The folder TensorBoard is pointed at; made if it is not there.</param>
    /// <param name="time">The clock of the events. Null: the system's.</param>
    public TensorBoardWriter(string folder, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        Directory.CreateDirectory(folder);
        // TensorBoard reads files whose name has "tfevents" in it, in the order of the names.
        var seconds = _time.GetUtcNow().ToUnixTimeSeconds().ToString("D10", CultureInfo.InvariantCulture);
        FilePath = Path.Combine(folder, $"events.out.tfevents.{seconds}.{Environment.MachineName}.{Environment.ProcessId}");
        _stream = new FileStream(FilePath, FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(new Event { FileVersion = "brain.Event:2" });
    }

    /// <summary>The event file.</summary>
    public string FilePath { get; }

    /// <summary>Adds scalars of one iteration and hands them to the system at once.</summary>
    /// <param name="step">The iteration.</param>
    /// <param name="scalars">Tag and value; tags with a common part before the slash are shown together.</param>
    public void Write(long step, IEnumerable<(string Tag, double Value)> scalars)
    {
        ArgumentNullException.ThrowIfNull(scalars);
        var summary = new Summary();
        summary.Value.AddRange(scalars.Select(scalar => new Summary.Types.Value { Tag = scalar.Tag, SimpleValue = (float)scalar.Value }));
        Write(new Event { Step = step, Summary = summary });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    private void Write(Event record)
    {
        record.WallTime = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;
        var bytes = record.ToByteArray();
        var framed = new byte[8 + 4 + bytes.Length + 4];
        BinaryPrimitives.WriteInt64LittleEndian(framed, bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(8), Crc32C.Masked(framed.AsSpan(0, 8)));
        bytes.CopyTo(framed, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(12 + bytes.Length), Crc32C.Masked(bytes));
        _stream.Write(framed);
        _stream.Flush();
    }
}
