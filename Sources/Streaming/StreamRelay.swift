import Errors

/// Joins a client's connection with one to the endpoint that serves it.
public enum StreamRelay {
    /// Copies messages both ways until one side ends, then closes the other. Order, half-close, back-pressure and the final
    /// status are kept. Returns when both connections are closed.
    public static func run(_ client: StreamConnection, _ upstream: StreamConnection) async {
        client.onClose { upstream.abort() }
        await withTaskGroup { group in
            group.addTask { for await size in client.resizes { try? await upstream.send(size) } }
            group.addTask { await copy(client, to: upstream) }
            group.addTask {
                await copy(upstream, to: client)
                await client.close()
            }
            await group.waitForAll()
        }
        upstream.abort()
        await upstream.waitUntilClosed()
    }

    private static func copy(_ source: StreamConnection, to target: StreamConnection) async {
        do {
            for try await message in source.messages { try await target.send(message) }
        } catch {
            // One end broke: what the other end was told last stands, and its connection is closed by the caller.
            if !source.isOpen { return }
        }
    }
}
