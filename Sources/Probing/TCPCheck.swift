/// Whether a port takes connections.
public func checkTCP(_ endpoint: Endpoint, timeout: Duration) async throws -> CheckResult {
    do {
        try await exchange(endpoint, timeout: timeout) { channel, promise in
            // Connected is all that is asked; a channel becomes active when it is.
            try channel.pipeline.syncOperations.addHandler(Connected(promise: promise))
        }
        return .success
    } catch let fault as ExchangeFault {
        switch fault {
        case .dial(let reason), .broken(let reason): return .failure("dial tcp \(endpoint.text): \(reason)")
        case .timedOut: return .failure("dial tcp \(endpoint.text): i/o timeout")
        }
    }
}
