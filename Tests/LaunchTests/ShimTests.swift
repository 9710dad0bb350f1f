import Errors
import Glibc
import LinuxSystem
import Testing

@testable import Launch

/// Real containers under the real shim.
@Suite(.enabled(if: ShimHarness.missing == nil, "\(ShimHarness.missing ?? "")"), .serialized)
struct ShimTests {
    @Test func outputAndExitCode() throws {
        let shim = try ShimHarness()
        let result = try shim.run(try shim.shell("a", "echo one; echo two >&2; printf three; exit 7"))
        #expect(result.code == 7)
        #expect(Set(result.lines) == ["o:one", "e:two", "o+:three"])
        #expect(try ExitFile.read(recordDirectory: "\(shim.directory)/a")?.code == 7)
    }
}
