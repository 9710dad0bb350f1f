import Errors
import Glibc
import Launch
import LinuxSystem
import Streaming

/// An attach: copies of a running container's streams from now on, and its input.
struct AttachSession: Sendable {
    let target: ExecTarget
    let terminal: Bool
    let input: Bool
    let output: Bool
    let errors: Bool
    let readiness: Readiness

    /// Ends when the container does, or the client goes.
    func serve(_ session: StreamSession) async throws -> StreamResult {
        let streams = try await target.context.threads.run { try start() }
        let (threads, shim, id) = (target.context.threads, target.shim, target.containerID)
        let bridge = StreamBridge(streams: streams, session: session) { size in
            try await threads.run {
                _ = try shim.request(.resize(id: id, .init(columns: size.width, rows: size.height)))
            }
        }
        try await bridge.runToEnd()
        return .success
    }

    private func start() throws(SwiftletError) -> BridgedStreams {
        let inputPipe = try PipeEnds()
        let outputPipe = try PipeEnds()
        let errorPipe = try PipeEnds()
        let wantsErrors = errors && !terminal
        var descriptors: [Int32] = []
        if input { descriptors.append(inputPipe.read.raw) }
        if output { descriptors.append(outputPipe.write.raw) }
        if wantsErrors { descriptors.append(errorPipe.write.raw) }
        let request = ShimRequest.attach(id: target.containerID, input: input, output: output, error: wantsErrors)
        switch try target.shim.request(request, descriptors: descriptors).reply {
        case .done: break
        case .failed(let failure): throw failure.error("attach to container", target.name)
        case let other: throw .unexpected(other)
        }
        return BridgedStreams(
            input: input ? try .writer(inputPipe, readiness) : nil,
            output: output ? try .reader(outputPipe, readiness) : nil,
            errors: wantsErrors ? try .reader(errorPipe, readiness) : nil, terminal: nil)
    }
}
