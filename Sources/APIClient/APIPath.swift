/// Paths of the Kubernetes API, their parts percent-encoded.
public enum APIPath {
    /// `/api/v1/namespaces/NS/RESOURCE[/NAME[/SUB]]`; without a namespace of all namespaces, or a cluster-wide resource.
    public static func core(
        _ resource: String, namespace: String? = nil, name: String? = nil, subresource: String? = nil
    ) -> String {
        build("/api/v1", resource, namespace, name, subresource)
    }

    /// `/apis/GROUP/VERSION/…`.
    public static func group(
        _ groupVersion: String, _ resource: String, namespace: String? = nil, name: String? = nil,
        subresource: String? = nil
    ) -> String {
        build("/apis/\(groupVersion)", resource, namespace, name, subresource)
    }

    private static func build(_ root: String, _ resource: String, _ namespace: String?, _ name: String?, _ sub: String?)
        -> String
    {
        var path = root
        if let namespace { path += "/namespaces/\(percentEncoded(namespace))" }
        path += "/\(resource)"
        if let name { path += "/\(percentEncoded(name))" }
        if let sub { path += "/\(sub)" }
        return path
    }
}

/// RFC 3986: all but the unreserved characters.
public func percentEncoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF".unicodeScalars)
    var out = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            out.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            out.unicodeScalars.append("%")
            out.unicodeScalars.append(hex[Int(byte >> 4)])
            out.unicodeScalars.append(hex[Int(byte & 15)])
        }
    }
    return out
}
