/// The address of an HTTP check.
public struct ProbeURL: Sendable, Equatable {
    public enum Scheme: String, Sendable { case http, https }

    public var scheme: Scheme
    public var endpoint: Endpoint
    /// With the query; begins with a slash.
    public var path: String

    /// `path` as in a manifest: a slash is put before it where it lacks one; what a request line cannot hold is
    /// percent-encoded.
    public init(scheme: Scheme, endpoint: Endpoint, path: String) {
        self.scheme = scheme
        self.endpoint = endpoint
        let path = path.hasPrefix("/") ? path : "/\(path)"
        self.path = Self.encoded(
            path.split(separator: "#", omittingEmptySubsequences: false).first.map(String.init) ?? "/")
    }

    public var text: String { "\(scheme.rawValue)://\(endpoint.text)\(path)" }

    /// The Host header: no port where it is the scheme's own.
    var authority: String {
        let usual: UInt16 = scheme == .http ? 80 : 443
        guard endpoint.port == usual else { return endpoint.text }
        return endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
    }

    /// Where a `Location` leads to; nil where it makes no sense.
    func resolving(_ location: String) -> ProbeURL? {
        if let scheme = Scheme.allSchemes.first(where: { location.lowercased().hasPrefix("\($0.rawValue)://") }) {
            return Self.absolute(scheme, location.dropFirst(scheme.rawValue.count + 3))
        }
        if location.hasPrefix("//") { return Self.absolute(scheme, location.dropFirst(2)) }
        if location.hasPrefix("/") { return ProbeURL(scheme: scheme, endpoint: endpoint, path: location) }
        if location.contains("://") { return nil }
        let folder = path.prefix { $0 != "?" }.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return ProbeURL(scheme: scheme, endpoint: endpoint, path: folder + location)
    }

    private static func absolute(_ scheme: Scheme, _ rest: Substring) -> ProbeURL? {
        let authority = rest.prefix { !"/?#".contains($0) }
        let path = rest.dropFirst(authority.count)
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        var host = place
        var port: UInt16 = scheme == .http ? 80 : 443
        if let colon = place.lastIndex(of: ":"), !place[colon...].contains("]") {
            guard let number = UInt16(place[place.index(after: colon)...]) else { return nil }
            port = number
            host = place[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        let endpoint = Endpoint(host: String(host), port: port)
        return ProbeURL(scheme: scheme, endpoint: endpoint, path: String(path))
    }

    private static func encoded(_ path: String) -> String {
        var result = ""
        for byte in path.utf8 {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "<"),
                byte != UInt8(ascii: ">")
            {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}

extension ProbeURL.Scheme {
    static let allSchemes: [Self] = [.http, .https]
}
