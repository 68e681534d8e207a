import ArgumentParser
import CommandSupport
import NIOCore
import UploadStore

/// The options for what clients may take of time and room.
struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The largest file to take. Default: whatever there is room for.", valueName: "bytes"))
    var maxSize: ByteCount?

    @Option(help: ArgumentHelp("What stays free on the disk: 5%, or 10GB.", valueName: "amount"))
    var keepFree = KeptFree.percent(5)

    @Option(help: ArgumentHelp("Files that each Pi may store in a day (UTC). Default: no limit.", valueName: "files"))
    var filesPerDay: Int64?

    @Option(help: ArgumentHelp("Bytes that each Pi may store in a day (UTC). Default: no limit.", valueName: "bytes"))
    var bytesPerDay: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Open connections of all Pis. Default: what the limit of open files allows.", valueName: "connections"))
    var connections: Int?

    @Option(help: ArgumentHelp("Open connections of each Pi.", valueName: "connections"))
    var connectionsPerPi = 16

    @Option(
        help: ArgumentHelp(
            "Uploads of all Pis under way. Default: what the limit of open files allows.", valueName: "uploads"))
    var uploads: Int?

    @Option(
        help: ArgumentHelp("Requests of one connection that are worked at before more are read.", valueName: "requests")
    )
    var requestsInFlight = 256

    @Option(help: ArgumentHelp("How long a TLS handshake may take.", valueName: "seconds"))
    var handshakeTime = 10

    @Option(help: ArgumentHelp("How long a request's header may take.", valueName: "seconds"))
    var headerTime = 10

    @Option(
        help: ArgumentHelp(
            "How slow an upload may be, in bytes a second over 30 s; 0 for no limit.", valueName: "rate"))
    var minRate = ByteCount(1024)

    @Option(help: ArgumentHelp("How long a connection may stay without a request.", valueName: "seconds"))
    var idleTime = 120

    func validate() throws {
        let positive: [(name: String, value: Int?)] = [
            ("connections", connections), ("connections-per-pi", connectionsPerPi), ("uploads", uploads),
            ("requests-in-flight", requestsInFlight), ("handshake-time", handshakeTime), ("header-time", headerTime),
            ("idle-time", idleTime), ("files-per-day", filesPerDay.map { Int($0) }),
        ]
        for (name, value) in positive {
            if let value, !(1...1_000_000_000).contains(value) {
                throw ValidationError("--\(name) takes a number from 1 on, not \(value).")
            }
        }
        guard minRate.bytes <= 1 << 30 else { throw ValidationError("--min-rate takes at most 1GiB, not \(minRate).") }
    }

    /// `budget`: what the descriptors allow.
    func clientLimits(_ budget: DescriptorBudget) -> ClientLimits {
        var limits = ClientLimits()
        limits.handshakeTime = .seconds(Int64(handshakeTime))
        limits.headTime = .seconds(Int64(headerTime))
        limits.idleTime = .seconds(Int64(idleTime))
        limits.bodyRate = Int(minRate.bytes)
        limits.requestsInFlight = requestsInFlight
        limits.connections = min(connections ?? budget.connections, budget.connections)
        limits.handshakes = max(limits.connections / 4, min(limits.connections, 8))
        limits.connectionsPerPi = connectionsPerPi
        limits.filesPerDay = filesPerDay
        limits.bytesPerDay = bytesPerDay?.bytes
        limits.keptFree = keepFree
        return limits
    }
}
