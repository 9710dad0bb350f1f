import Errors

/// An image's name by Docker's rules: `[domain/]path[:tag][@digest]`. The domain defaults to docker.io, a one-word path
/// there to `library/…`, the tag to `latest` when there is no digest either.
public struct ImageReference: Hashable, Sendable {
    /// Registry host, with port if any.
    public let domain: String
    public let path: String
    public let tag: String?
    public let digest: Digest?

    static let defaultDomain = "docker.io"
    /// Docker's limit on domain and path together.
    static let nameLimit = 255

    /// Errors: `invalidArgument`, saying which part is wrong.
    public init(parsing text: String) throws(SwiftletError) {
        func fault(_ what: String) -> SwiftletError {
            .invalid(
                what, object: "image name \"\(printable(text))\"",
                hint: "write name[:tag] or registry/name[:tag], as debian:12")
        }
        guard !text.isEmpty else { throw fault("is empty") }
        guard text.utf8.count <= 1024 else { throw fault("is longer than 1024 bytes") }
        var rest = Substring(text)
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            do { digest = try Digest(parsing: String(rest[rest.index(after: at)...])) } catch {
                throw fault(error.message)
            }
            rest = rest[..<at]
        }
        var tag: String?
        let lastSlash = rest.lastIndex(of: "/")
        let lastPart = lastSlash.map { rest[rest.index(after: $0)...] } ?? rest
        if let colon = lastPart.firstIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        if let tag, !isTag(tag) {
            throw fault("has a bad tag: at most 128 of A-Z a-z 0-9 _ . -, not starting with . or -")
        }
        if isHexHash(rest), tag == nil, digest == nil {
            throw fault("is 64 hex digits, which would be an image ID and cannot be a name")
        }
        let (domain, path) = Self.split(String(rest))
        guard isDomain(domain) else { throw fault("has a bad registry host \"\(printable(domain))\"") }
        guard path.utf8.allSatisfy({ !(0x41...0x5a).contains($0) }) else {
            throw fault("has upper-case letters in its path")
        }
        guard path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ isPathPart($0) }) else {
            throw fault("has a bad path: lower-case letters and digits, separated by . _ __ or -, and /")
        }
        guard domain.utf8.count + path.utf8.count < Self.nameLimit else {
            throw fault("is longer than \(Self.nameLimit) characters")
        }
        self.domain = domain
        self.path = path
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    /// The first part is a registry when it could not be a path: it has a dot or port, is localhost, or has upper case.
    private static func split(_ name: String) -> (String, String) {
        if let slash = name.firstIndex(of: "/") {
            let first = name[..<slash]
            let rest = String(name[name.index(after: slash)...])
            if first.contains(".") || first.contains(":") || first == "localhost" || first.lowercased() != first {
                let domain = first == "index.docker.io" ? defaultDomain : String(first)
                return (domain, domain == defaultDomain && !rest.contains("/") ? "library/" + rest : rest)
            }
            return (defaultDomain, name)
        }
        return (defaultDomain, "library/" + name)
    }

    private init(domain: String, path: String, tag: String?, digest: Digest?) {
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    /// Domain and path: `docker.io/library/debian`.
    public var repository: String { "\(domain)/\(path)" }

    /// All of it spelt out: `docker.io/library/debian:12`.
    public var canonical: String { repository + suffix }

    /// As people write it: `debian:12`.
    public var familiar: String {
        guard domain == Self.defaultDomain else { return canonical }
        let library = "library/"
        let isOfficial = path.hasPrefix(library) && !path.dropFirst(library.count).contains("/")
        let short = isOfficial ? String(path.dropFirst(library.count)) : path
        // A path may begin like a registry's host (docker.io/a.b/c): then the host must stay.
        return (Self.split(short) == (domain, path) ? short : repository) + suffix
    }

    private var suffix: String { (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

    /// The same repository under another tag or digest.
    public func with(tag: String?, digest: Digest?) -> ImageReference {
        ImageReference(domain: domain, path: path, tag: tag, digest: digest)
    }
}

extension ImageReference: CustomStringConvertible {
    public var description: String { canonical }
}

func isTag(_ text: String) -> Bool {
    guard let first = text.utf8.first, isWord(first), text.utf8.count <= 128 else { return false }
    return text.utf8.allSatisfy { isWord($0) || $0 == 0x2e || $0 == 0x2d }
}

private func isHexHash(_ text: Substring) -> Bool { text.utf8.count == 64 && text.utf8.allSatisfy(isLowerHex) }

private func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
}

/// Runs of letters and digits, joined by one dot, one or two underscores, or any number of dashes.
private func isPathPart(_ part: Substring) -> Bool {
    let bytes = Array(part.utf8)
    guard let first = bytes.first, let last = bytes.last, isLowerAlphanumeric(first), isLowerAlphanumeric(last) else {
        return false
    }
    var index = 0
    while index < bytes.count {
        let start = index
        while index < bytes.count, !isLowerAlphanumeric(bytes[index]) { index += 1 }
        let joint = bytes[start..<index]
        let allowed =
            joint.isEmpty || joint.elementsEqual([0x2e]) || joint.elementsEqual([0x5f])
            || joint.elementsEqual([0x5f, 0x5f]) || joint.allSatisfy { $0 == 0x2d }
        guard allowed else { return false }
        while index < bytes.count, isLowerAlphanumeric(bytes[index]) { index += 1 }
    }
    return true
}

/// Host names, IPv4 addresses and bracketed IPv6 addresses, with a port or none.
private func isDomain(_ text: String) -> Bool {
    var host = Substring(text)
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
        let port = host[host.index(after: colon)...]
        guard !port.isEmpty, port.utf8.count <= 5, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return false
        }
        host = host[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
        let inner = host.dropFirst().dropLast()
        return !inner.isEmpty && inner.allSatisfy { $0.isHexDigit || $0 == ":" }
    }
    return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        guard let first = label.utf8.first, let last = label.utf8.last else { return false }
        let isEdge = { (byte: UInt8) in isWord(byte) && byte != 0x5f }
        return isEdge(first) && isEdge(last) && label.utf8.allSatisfy { isEdge($0) || $0 == 0x2d }
    }
}
