// The argument of --shard.
// What always holds: extents are positive; whether they fit the signal is for the codec to say.

import GAMClient

/// Extents of a shard from text like "256,256".
func shardExtents(_ text: String) throws(ClientError) -> [Int] {
    let extents = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard extents.allSatisfy({ $0 > 0 }) else {
        throw ClientError(.badRequest, "--shard \"\(text)\" is not like 256,256")
    }
    return extents
}
