// What always holds here: a manifest is read as a whole or its error names the field.

import GAMPluginHost

extension PluginManifest {
    /// Parses `text`, the contents of the manifest at `path`.
    public init(text: String, path: String) throws(PluginError) {
        let reader = try ManifestReader(text: text, path: path)
        self.init(
            id: try reader.identifier("id"), version: try reader.string("version"),
            abi: try reader.abi(), library: try reader.libraryName(),
            kinds: try reader.strings("kinds"), types: try reader.types(),
            limits: try reader.limits(), path: path)
    }
}
