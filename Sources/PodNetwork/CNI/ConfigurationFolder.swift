import Errors
import Glibc
import LinuxSystem
import Synchronization

/// The folder of network configurations, looked at anew each time: the first file by name is the network.
final class ConfigurationFolder: Sendable {
    let path: String
    private let chain: PluginChain
    /// What was found last, and of which bytes and programs.
    private let known = Mutex<(bytes: [UInt8], programs: [Program], network: NetworkList)?>(nil)

    private static let endings = [".conflist", ".conf", ".json"]

    /// A plugin's program, told from what may lie there later.
    private struct Program: Equatable {
        let path: String
        let device: UInt64
        let number: UInt64
        let size: Int64
        let changed: Int64
    }

    init(path: String, chain: PluginChain) {
        self.path = path
        self.chain = chain
    }

    /// The network pods get now.
    /// Errors: what has to be done first, naming the folder, or the file and the field.
    func current() throws(SwiftletError) -> NetworkList {
        let name = try first()
        do {
            let bytes = try read(name)
            let network = try NetworkList(parsing: bytes)
            let programs = try programs(network)
            let found = known.withLock { known in
                known.flatMap { $0.bytes == bytes && $0.programs == programs ? $0.network : nil }
            }
            if let found { return found }
            let negotiated = try chain.negotiate(network)
            known.withLock { $0 = (bytes, programs, negotiated) }
            return negotiated
        } catch { throw error.during("network configuration", "\(path)/\(printable(name))") }
    }

    private func first() throws(SwiftletError) -> String {
        let names: [String]
        do {
            let folder = try openFile(path, O_RDONLY | O_DIRECTORY)
            names = try directoryEntries(folder.raw)
        } catch  where error.errno == ENOENT { names = [] }
        let candidates = names.filter { name in ConfigurationFolder.endings.contains { name.hasSuffix($0) } }
        let first = candidates.min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard let first else {
            throw SwiftletError(
                .failedPrecondition, "there is no network configuration in \(path)",
                hint: "put one there, named *.conflist, *.conf or *.json; it is used from then on")
        }
        return first
    }

    private func read(_ name: String) throws(SwiftletError) -> [UInt8] {
        // A fifo must not block.
        let file = try openFile("\(path)/\(name)", O_RDONLY | O_NONBLOCK)
        guard try status(file.raw).isRegularFile else { throw .invalid("it is no regular file") }
        return try readAll(file.raw, limit: NetworkList.sizeLimit)
    }

    private func programs(_ network: NetworkList) throws(SwiftletError) -> [Program] {
        var programs: [Program] = []
        for plugin in network.plugins {
            let path = try chain.runner.program(plugin.type)
            var info = stat()
            try check(stat(path, &info), "stat", path)
            programs.append(
                Program(
                    path: path, device: UInt64(info.st_dev), number: UInt64(info.st_ino), size: Int64(info.st_size),
                    changed: Int64(info.st_ctim.tv_sec) * 1_000_000_000 + Int64(info.st_ctim.tv_nsec)))
        }
        return programs
    }
}
