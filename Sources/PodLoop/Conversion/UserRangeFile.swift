import CRI
import Errors
import JSON

// A pod's range of ids as it is kept and as it goes over CRI: the form is a kubelet's.

extension UserRange {
    /// The text that is kept.
    var text: String {
        let mapping: JSONValue = [
            "hostId": .int(Int64(first)), "containerId": 0, "length": .int(Int64(count)),
        ]
        return JSONValue.object(["uidMappings": .array([mapping]), "gidMappings": .array([mapping])]).text()
    }

    /// Errors: `dataLoss`.
    init(parsing text: String, uid: String) throws(SwiftletError) {
        do throws(SwiftletError) {
            let value = try JSONValue.parse(Array(text.utf8))
            let mappings = value["uidMappings"]?.array ?? []
            guard mappings.count == 1, value["gidMappings"]?.array == mappings,
                mappings[0]["containerId"]?.int == 0,
                let first = mappings[0]["hostId"]?.int.flatMap({ UInt32(exactly: $0) }),
                let count = mappings[0]["length"]?.int.flatMap({ UInt32(exactly: $0) }), first > 0, count > 0
            else { throw .invalid("it does not hold one range of ids") }
            self.init(first: first, count: count)
        } catch {
            throw SwiftletError(
                .dataLoss, error.message, operation: "read the range of ids", object: "of pod \(printable(uid))",
                hint: "delete that pod and its folder below <root>/pods, then start swiftletd again")
        }
    }

    var mapping: CRIIDMapping {
        .with {
            $0.hostID = first
            $0.containerID = 0
            $0.length = count
        }
    }

    var options: CRIUserNamespace {
        .with {
            $0.mode = .pod
            $0.uids = [mapping]
            $0.gids = [mapping]
        }
    }

    /// Of what a runtime says of a sandbox; nil for the host's.
    init?(_ options: CRINamespaceOption) {
        guard options.hasUsernsOptions, options.usernsOptions.mode == .pod,
            let mapping = options.usernsOptions.uids.first
        else { return nil }
        self.init(first: mapping.hostID, count: mapping.length)
    }
}
