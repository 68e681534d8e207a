/// gzip (RFC 1952) around blocks that are not compressed (RFC 1951, 3.2.4). A Pi's few kilobytes are mostly keys, which
/// hardly shrink; so neither a compression library nor another program is needed, and nothing can blow up on reading.
enum Gzip {
    /// Deflate, no name, no time, from Unix.
    private static let header: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    private static let mostInBlock = 65535

    static func wrap(_ bytes: [UInt8]) -> [UInt8] {
        var wrapped = header
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(mostInBlock)
            rest = rest.dropFirst(mostInBlock)
            let count = UInt16(block.count)
            wrapped.append(rest.isEmpty ? 1 : 0)
            wrapped += littleEndian(count) + littleEndian(~count) + block
        } while !rest.isEmpty
        return wrapped + littleEndian(checksum(bytes)) + littleEndian(UInt32(truncatingIfNeeded: bytes.count))
    }

    /// `nil` if it ends early or is compressed. That all else is as it must be shows by wrapping it again.
    static func unwrap(_ wrapped: [UInt8]) -> [UInt8]? {
        guard wrapped.starts(with: header) else { return nil }
        var bytes: [UInt8] = []
        var rest = wrapped.dropFirst(header.count)
        var isLast = false
        while !isLast {
            guard let kind = rest.first, kind <= 1, rest.count >= 5 else { return nil }
            isLast = kind == 1
            let count = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2]) << 8
            rest = rest.dropFirst(5)
            guard rest.count >= count else { return nil }
            bytes += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        return bytes
    }

    private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian, Array.init)
    }

    /// CRC-32 (RFC 1952, section 8).
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value = ~UInt32(0)
        for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xff)] ^ (value >> 8) }
        return ~value
    }

    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
        return value
    }
}
