import ArgumentParser
import UploadProtocol
import UploadStore

/// The options for uploads in parts.
struct PartialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The size of a file above which what came of a broken upload is kept.",
            valueName: "bytes"))
    var resumableAbove = ByteCount(ResumableUpload.defaultThreshold)

    @Option(
        help: ArgumentHelp(
            "How long the beginning of a file waits for the rest of it: 7d, 12h, 30m.", valueName: "time"))
    var keepPartials = TimeSpan(seconds: 7 * 86_400)

    @Option(
        help: ArgumentHelp("Unfinished files kept of each Pi; a further one replaces the oldest.", valueName: "files"))
    var partialsPerPi = 64

    func validate() throws {
        guard keepPartials.seconds >= 60 else {
            throw ValidationError("--keep-partials takes a minute at least, not \(keepPartials).")
        }
        guard (1...100_000).contains(partialsPerPi) else {
            throw ValidationError("--partials-per-pi takes 1 to 100000, not \(partialsPerPi).")
        }
    }

    var limits: PartialLimits {
        var limits = PartialLimits()
        limits.lifetime = keepPartials.seconds
        limits.mostOfOnePi = partialsPerPi
        return limits
    }
}

/// A time as people write it: 7d, 12h, 30m, 90s.
struct TimeSpan: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let seconds: Int64

    private static let units: [(name: Character, seconds: Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

    init(seconds: Int64) {
        self.seconds = seconds
    }

    /// `nil` for anything but a number of up to 9 digits and a unit.
    init?(argument: String) {
        guard let unit = Self.units.first(where: { argument.last == $0.name }), argument.utf8.count <= 10,
            argument.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(argument.dropLast())
        else { return nil }
        seconds = number * unit.seconds
    }

    var description: String {
        let unit = Self.units.first { seconds.isMultiple(of: $0.seconds) } ?? ("s", 1)
        return "\(seconds / unit.seconds)\(unit.name)"
    }
}
