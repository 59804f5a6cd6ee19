// Every bound of the format in one place, with the arithmetic behind it.

public enum Limits {
    /// Axes of a lattice.
    public static let axesMax = 4
    /// Channels of a signal.
    public static let channelsMax = 64
    /// Samples along one axis: positions fit 32 bits with room for offsets.
    public static let extentMax = 1 << 30
    /// Samples of a signal, all channels: 2^40 (4 TiB of 32-bit samples).
    public static let samplesMax = 1 << 40
    /// Samples of one shard, all channels: 2^24 x 4 bytes = 64 MiB of working memory at most.
    public static let shardSamplesMax = 1 << 24
    /// Bytes of a key.
    public static let keyBytesMax = 512
}
