import Synchronization

/// What was stored since the start.
final class Tally: Sendable {
    private struct Counts {
        var files = 0
        var bytes: Int64 = 0
    }

    private let counts = Mutex(Counts())

    func add(bytes: Int64) {
        counts.withLock { counts in
            counts.files += 1
            counts.bytes += bytes
        }
    }

    /// For people.
    var text: String {
        let counts = counts.withLock { $0 }
        return "\(counts.files) \(counts.files == 1 ? "file" : "files") of \(Self.size(counts.bytes)) since the start"
    }

    private static func size(_ bytes: Int64) -> String {
        var (amount, units) = (Double(bytes), ["bytes", "kB", "MB", "GB", "TB"][...])
        while amount >= 1000, units.count > 1 {
            amount /= 1000
            units.removeFirst()
        }
        let number = units.first == "bytes" ? "\(bytes)" : "\((amount * 10).rounded() / 10)"
        return "\(number) \(units.first ?? "")"
    }
}
