import Files
import UploadProtocol

/// The `.tar.gz` that a Pi unpacks with tar(1): its folder and the files in it, as POSIX has it (pax(1), ustar
/// Interchange Format), all of them root's. What was packed can so be compared with what is kept, without another program
/// for each of a thousand Pis.
enum Tarball {
    private static let blockSize = 512
    private static let end = [UInt8](repeating: 0, count: 2 * blockSize)

    /// `time`: seconds since 1970.
    static func pack(_ name: PiName, _ files: [(name: String, bytes: [UInt8])], time: Int64) -> [UInt8] {
        var tar = header("\(name)/", mode: 0o700, kind: "5", size: 0, time: time)
        for file in files {
            tar += header("\(name)/\(file.name)", mode: 0o600, kind: "0", size: file.bytes.count, time: time)
            tar += file.bytes + [UInt8](repeating: 0, count: padding(of: file.bytes.count))
        }
        return Gzip.wrap(tar + end)
    }

    /// The contents of `files`; `nil` unless they, in that order, are all that is in it, just as `pack` packs them.
    static func unpack(_ files: [String], of name: PiName, _ packed: [UInt8]) -> [String: [UInt8]]? {
        guard let tar = Gzip.unwrap(packed), let time = number(tar, at: 136) else { return nil }
        var unpacked: [(name: String, bytes: [UInt8])] = []
        var rest = tar.dropFirst(blockSize)
        for file in files {
            guard let size = number(rest, at: 124), size <= rest.count - blockSize else { return nil }
            unpacked.append((file, Array(rest.dropFirst(blockSize).prefix(Int(size)))))
            rest = rest.dropFirst(blockSize + Int(size) + padding(of: Int(size)))
        }
        guard pack(name, unpacked, time: time) == packed else { return nil }
        return Dictionary(unpacked.map { ($0.name, $0.bytes) }, uniquingKeysWith: { $1 })
    }

    private static func padding(of size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

    private static func header(_ path: String, mode: Int, kind: Character, size: Int, time: Int64) -> [UInt8] {
        func octal(_ number: some BinaryInteger, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        func field(_ text: String, _ size: Int) -> [UInt8] {
            Array(text.utf8) + [UInt8](repeating: 0, count: size - text.utf8.count)
        }
        let noOne = field(octal(0, 7), 8)
        // Eleven digits end in the year 2242; a certificate may have any date.
        let time = min(max(time, 0), 0o777_7777_7777)
        let front =
            field(path, 100) + field(octal(mode, 7), 8) + noOne + noOne + field(octal(size, 11), 12)
            + field(octal(time, 11), 12)
        let back =
            field(String(kind), 1) + field("", 100) + field("ustar", 6) + Array("00".utf8) + field("root", 32)
            + field("root", 32) + noOne + noOne + field("", 155 + 12)
        // As if the checksum's own field held blanks.
        let sum = (front + back).reduce(8 * 0x20) { $0 + Int($1) }
        return front + field(octal(sum, 6), 7) + [0x20] + back
    }

    /// The octal number in the header at the beginning of `tar`.
    private static func number(_ tar: some Collection<UInt8>, at offset: Int) -> Int64? {
        guard tar.count >= blockSize else { return nil }
        let number = Int64(String(decoding: tar.dropFirst(offset).prefix(11), as: UTF8.self), radix: 8)
        return number.flatMap { $0 < 0 ? nil : $0 }
    }
}
