import Errors
import Testing

@testable import ImageStore

@Suite struct LimitFlagsTests {
    /// What each flag changes, and that it changes nothing else.
    @Test(arguments: [
        ("archive-size=10Gi", "archiveBytes", 10 << 30), ("archive-entries=5", "archiveEntries", 5),
        ("document-size=1Mi", "documentBytes", 1 << 20), ("layer-size=1Ti", "layerBytes", 1 << 40),
        ("layer-size=4096", "layerBytes", 4096), ("layer-entries=10000000", "layerEntries", 10_000_000),
        ("implicit-size=0", "implicitBytes", 0), ("compression-ratio=1000000", "compressionRatio", 1_000_000),
        ("window-size=512Mi", "windowBytes", 512 << 20), ("header-size=2Ki", "headerBytes", 2048),
        ("sparse-segments=7", "sparseSegments", 7), ("path-length=100", "pathBytes", 100),
        ("path-depth=2048", "pathDepth", 2048), ("xattr-count=0", "attributeCount", 0),
        ("xattr-size=64Ki", "attributeBytes", 65_536),
    ])
    func sets(_ text: String, _ property: String, _ expected: Int) throws {
        func values(_ limits: ImageLimits) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: Mirror(reflecting: limits).children.map { ($0.label ?? "", "\($0.value)") })
        }
        var limits = ImageLimits()
        try limits.set(text)
        var all = values(ImageLimits())
        all[property] = "\(expected)"
        #expect(values(limits) == all)
    }

    /// Every name that is listed can be set, to what is listed as its default.
    @Test func listsAll() throws {
        var limits = ImageLimits()
        for text in ImageLimits.limitNames { try limits.set(text) }
        #expect(limits == ImageLimits())
        #expect(
            ImageLimits.limitNames.contains("layer-size=128Gi") && ImageLimits.limitNames.contains("path-length=4095"))
    }

    @Test(arguments: [
        "", "layer-size", "layer-size=", "layer-size=0", "layer-size=-1", "layer-size=x", "layer-size=1Pi",
        "layer-size=1k",
        "layer-size= 1", "layer-size=+1", "layer-size=9999999Ti", "layer-size=99999999999999999999", "layer-size=1.5Gi",
        "layer-entries=1Ki", "path-length=4096", "window-size=1Ki", "window-size=2Gi", "path-depth=0", "layer-size=1=2",
    ])
    func refuses(_ text: String) throws {
        var limits = ImageLimits()
        let error = #expect(throws: SwiftletError.self) { try limits.set(text) }
        #expect(error?.code == .invalidArgument && limits == ImageLimits())
    }

    @Test func namesTheKnownOnes() throws {
        var limits = ImageLimits()
        let error = #expect(throws: SwiftletError.self) { try limits.set("layers=5") }
        #expect(error?.hint?.contains("archive-size, archive-entries,") == true)
        let range = #expect(throws: SwiftletError.self) { try limits.set("window-size=7") }
        #expect(range?.message.contains("from 1Mi to 1Gi") == true)
    }

    @Test func parsesDenials() throws {
        #expect(try ImageDenials(parsing: "setuid") == .setuid)
        #expect(try ImageDenials(parsing: "setuid,devices,capabilities") == [.setuid, .devices, .capabilities])
        for text in ["", "setuid,", "suid", "setuid devices", "Setuid"] {
            let error = #expect(throws: SwiftletError.self, "\(text)") { try ImageDenials(parsing: text) }
            #expect(error?.hint?.contains("capabilities, devices, setuid") == true)
        }
    }
}
