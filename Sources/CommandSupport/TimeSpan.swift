import ArgumentParser

/// A time as people write it: 7d, 12h, 30m, 90s.
package struct TimeSpan: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    package let seconds: Int64

    private static let units: [(name: Character, seconds: Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// `nil` for anything but a number of up to 9 digits and a unit.
    package init?(argument: String) {
        guard let unit = Self.units.first(where: { argument.last == $0.name }), argument.utf8.count <= 10,
            argument.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(argument.dropLast())
        else { return nil }
        seconds = number * unit.seconds
    }

    package var description: String {
        let unit = Self.units.first { seconds >= $0.seconds && seconds.isMultiple(of: $0.seconds) } ?? ("s", 1)
        return "\(seconds / unit.seconds)\(unit.name)"
    }
}
