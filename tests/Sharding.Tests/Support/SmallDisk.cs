using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding.Tests.Support;

/// <summary>A disk with 100 bytes left for files of one name.</summary>
internal sealed class SmallDisk(string full) : DurableStorage
{
    protected override Stream Create(string path, long expectedLength)
    {
        var stream = base.Create(path, 0);
        return Path.GetFileName(path).StartsWith(full, StringComparison.Ordinal) ? new SmallStream(stream) : stream;
    }

    private sealed class SmallStream(Stream inner) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (inner.Length + buffer.Length > 100)
            {
                throw new IOException("No space left on device");
            }

            inner.Write(buffer);
        }

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
