import CommandSupport
import UploadProtocol

extension String {
    /// As people count: `pi-9`, `pi-10`, `pi-100`.
    func isOrdered(before other: String) -> Bool {
        var (left, right) = (Array(utf8)[...], Array(other.utf8)[...])
        while let a = left.first, let b = right.first {
            if isDigit(a), isDigit(b) {
                let (one, two) = (left.prefix(while: isDigit), right.prefix(while: isDigit))
                let (first, second) = (one.drop { $0 == 0x30 }, two.drop { $0 == 0x30 })
                if first.count != second.count { return first.count < second.count }
                if !first.elementsEqual(second) { return first.lexicographicallyPrecedes(second) }
                (left, right) = (left.dropFirst(one.count), right.dropFirst(two.count))
            } else {
                if a != b { return a < b }
                (left, right) = (left.dropFirst(), right.dropFirst())
            }
        }
        // `pi-1` and `pi-01` are two names.
        return left.isEmpty && right.isEmpty ? self < other : left.isEmpty
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

extension PiName {
    /// Up to three of `names` that somebody may have meant, the most alike first.
    func similar(in names: [PiName]) -> [PiName] {
        similarNames(to: text, in: names.map(\.text)).compactMap { PiName($0) }
    }
}
