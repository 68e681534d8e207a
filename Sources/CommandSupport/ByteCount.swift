import ArgumentParser

/// A number of bytes as people write it: 500, 10GB, 4MiB.
package struct ByteCount: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    package let bytes: Int64

    private static let units: [String: Int64] = [
        "": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
        "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000,
        "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    ]

    package init(_ bytes: Int64) {
        self.bytes = bytes
    }

    package init?(argument: String) {
        let digits = argument.prefix { ("0"..."9").contains($0) }
        let unit = argument.dropFirst(digits.count).lowercased()
        guard let number = Int64(digits), let factor = Self.units[unit] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    package var description: String { String(bytes) }

    package var defaultValueDescription: String {
        bytes >= 1 << 20 && bytes.isMultiple(of: 1 << 20) ? "\(bytes >> 20)MiB" : description
    }
}
